import * as React from 'react';
import { Fragment } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';

const List = ({ items }) => (
  <ul>
    {items.map((item) => (
      <li key={item}>{item}</li>
    ))}
  </ul>
);

export default {
  fetch() {
    const page = (
      <>
        <List items={['a', '<b>']} />
        <Fragment>{process.env.NODE_ENV}</Fragment>
      </>
    );
    return new Response(renderToStaticMarkup(page), { headers: { 'content-type': 'text/html' } });
  },
};
