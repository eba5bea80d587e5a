// Compiled from card.svelte by svelte/compiler, with generate: "server".
import * as $ from 'svelte/internal/server';
import { getContext } from 'svelte';

export default function Card($$renderer, $$props) {
	$$renderer.component(($$renderer) => {
		let { title, items = [], children } = $$props;
		const theme = getContext('theme');
		let count = $.derived(() => items.length);

		$.head('70yxyu', $$renderer, ($$renderer) => {
			$$renderer.title(($$renderer) => {
				$$renderer.push(`<title>${$.escape(title)}</title>`);
			});
		});

		$$renderer.push(`<section${$.attr_class($.clsx(theme))}><h1>${$.escape(title)}</h1> `);

		const each_array = $.ensure_array_like(items);

		if (each_array.length !== 0) {
			$$renderer.push('<!--[-->');

			for (let i = 0, $$length = each_array.length; i < $$length; i++) {
				let item = each_array[i];

				$$renderer.push(`<li${$.attr('data-i', i)}>${$.escape(item)}</li>`);
			}
		} else {
			$$renderer.push(`<!--[!--><p>nothing</p>`);
		}

		$$renderer.push(`<!--]--> `);

		if (count() > 1) {
			$$renderer.push(`<!--[0--><b>${$.escape(count())}</b>`);
		} else {
			$$renderer.push('<!--[-1-->');
		}

		$$renderer.push(`<!--]--> ${$.html('<hr>')} `);
		children?.($$renderer);
		$$renderer.push(`<!----></section>`);
	});
}
