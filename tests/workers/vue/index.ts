// Vue on the server: a whole page, a stream, and its reactive values alone.
import { computed, createSSRApp, defineComponent, h, inject, onServerPrefetch, provide, reactive, ref, Suspense, Teleport, watchEffect } from 'vue';
import { renderToString, renderToWebStream } from 'vue/server-renderer';

const Item = defineComponent({ props: { name: { type: String, required: true } }, setup: (props) => { const theme = inject('theme', 'none'); return () => h('li', { class: [theme, { long: props.name.length > 1 }], onClick: () => {} }, props.name); } });
const Late = defineComponent({ async setup() { const text = await Promise.resolve('late'); return () => h('em', text); } });
const Prefetched = defineComponent({ setup() { const text = ref('early'); onServerPrefetch(async () => void (text.value = 'fetched')); return () => h('p', text.value); } });
const Page = defineComponent({
  data: () => ({ count: 1 }),
  setup() { provide('theme', 'dark'); },
  render() {
    return h('div', [h('ul', ['a', '<b>'].map((name) => h(Item, { name, key: name }))), h('p', { style: { color: 'red' } }, `count ${this.count}`), h(Suspense, null, { default: () => h(Late) }), h(Prefetched), h(Teleport, { to: '#end' }, 'teleported')]);
  },
});

const pages: Record<string, () => Promise<Response>> = {
  '/': async () => {
    const context: { teleports?: Record<string, string> } = {};
    const body = await renderToString(createSSRApp(Page), context);
    return Response.json([body, context.teleports]);
  },
  '/stream': async () => new Response(renderToWebStream(createSSRApp(Page)).pipeThrough(new TransformStream()), { headers: { 'content-type': 'text/html' } }),
  '/template': async () => new Response(await renderToString(createSSRApp({ template: '<p>{{ a }}</p>', data: () => ({ a: 1 }) })).catch((error) => `${error.name}`)),
  '/reactive': async () => {
    const state = reactive({ list: [1, 2], map: new Map([['a', 1]]) });
    const sum = computed(() => state.list.reduce((a, b) => a + b, 0) + (state.map.get('a') ?? 0));
    const seen: number[] = [];
    watchEffect(() => seen.push(sum.value), { flush: 'sync' });
    state.list.push(3);
    state.map.set('a', 10);
    return Response.json(seen);
  },
};

export default { fetch: (request: Request) => pages[new URL(request.url).pathname]?.() ?? new Response('none', { status: 404 }) };
