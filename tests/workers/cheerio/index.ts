import * as cheerio from 'cheerio';
import { load as slim } from 'cheerio/slim';

const page = '<!doctype html><title>Shop</title><ul><li class="a" data-price="1.5">One</li><li>Two &amp; more</li></ul><form><input name="q" value="x"><select name="s"><option selected>1</option></select></form>';
const pages: Record<string, () => unknown> = {
  '/select': () => {
    const $ = cheerio.load(page);
    return [$('title').text(), $('li').map((i, item) => `${i} ${$(item).text()}`).get(), $('li.a').data('price'), $('form').serialize(), $('li:nth-child(2)').prev().attr('class')];
  },
  '/change': () => {
    const $ = cheerio.load(page);
    $('ul').append('<li><b>Three').addClass('long');
    $('li').first().replaceWith($('<li>').text('<new>'));
    $('form').remove();
    return $.html();
  },
  '/extract': () => cheerio.load(page).extract({ title: 'title', items: [{ selector: 'li', value: { text: { selector: 'li', value: 'outerHTML' } } }], prices: [{ selector: 'li', value: 'data-price' }] }),
  '/xml': () => {
    const $ = slim('<a:feed xmlns:a="u"><entry id="1"/><![CDATA[<x>]]></a:feed>', { xml: true });
    return [$.xml(), $('entry').attr('id')];
  },
};

export default { fetch: (request: Request) => Response.json(pages[new URL(request.url).pathname]?.() ?? null) };
