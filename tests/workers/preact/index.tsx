import { createContext, type ComponentChildren } from 'preact';
import { useContext, useState } from 'preact/hooks';
import { render } from 'preact-render-to-string';

const Currency = createContext('EUR');
interface Line {
  item: string;
  price: number;
}
function Price({ value }: { value: number }) {
  const currency = useContext(Currency);
  return <b>{`${value.toFixed(2)} ${currency}`}</b>;
}
function Page({ lines, children }: { lines: Line[]; children?: ComponentChildren }) {
  const [total] = useState(() => lines.reduce((sum, line) => sum + line.price, 0));
  const attributes = { class: 'lines', 'data-count': lines.length };
  return (
    <Currency.Provider value="NOK">
      <ul {...attributes} key="list">
        {lines.map((line) => (
          <li key={line.item}>
            {line.item} <Price value={line.price} />
          </li>
        ))}
      </ul>
      <>{children}</>
      <Price value={total} />
    </Currency.Provider>
  );
}

export default {
  fetch(request: Request): Response {
    const item = new URL(request.url).searchParams.get('item') ?? 'scanner';
    const page = <Page lines={[{ item, price: 40 }, { item: 'label', price: 0.5 }]}>&amp; more</Page>;
    return new Response(render(page), { headers: { 'content-type': 'text/html' } });
  },
};
