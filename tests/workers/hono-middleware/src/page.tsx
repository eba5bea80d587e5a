import { createContext, useContext, type FC, type PropsWithChildren } from 'hono/jsx';
import { css, Style } from 'hono/css';

const Theme = createContext('light');
const Layout: FC<PropsWithChildren<{ title: string }>> = ({ title, children }) => (
  <html>
    <head>
      <title>{title}</title>
      <Style />
    </head>
    <body class={css`color: red;`}>{children}</body>
  </html>
);
const Item = ({ text }: { text: string }) => <li data-theme={useContext(Theme)}>{text}</li>;
const Late = async () => <em>{await Promise.resolve('late')}</em>;

export const Page = ({ title, items }: { title: string; items: string[] }) => (
  <Layout title={title}>
    <Theme.Provider value="dark">
      <ul style={{ marginTop: '1px' }}>{items.map((text) => <Item text={text} />)}</ul>
    </Theme.Provider>
    <Late />
    <input disabled value={'"quoted"'} />
    <>
      {null}
      {false}
      {0}
    </>
  </Layout>
);
