// Dates, time zones and languages, with packages and with Intl.
import { addMonths, differenceInCalendarDays, format, formatDistance, parseISO } from 'date-fns';
import { de, ja } from 'date-fns/locale';
import { DateTime, Duration, Interval, Settings } from 'luxon';

Settings.defaultZone = 'utc';
const at = new Date(Date.UTC(2026, 0, 31, 23, 30, 5, 7));
const pages: Record<string, () => unknown> = {
  '/date-fns': () => [
    format(at, "EEEE, do MMMM yyyy 'at' HH:mm:ss.SSS xxx"),
    format(at, 'PPPP', { locale: de }),
    format(at, 'PPPPpp', { locale: ja }),
    formatDistance(at, addMonths(at, 2), { addSuffix: true }),
    addMonths(at, 1).toISOString(),
    differenceInCalendarDays(parseISO('2026-03-01'), at),
  ],
  '/luxon': () => [
    DateTime.fromJSDate(at).setZone('America/New_York').toISO(),
    DateTime.fromJSDate(at).setZone('Asia/Kathmandu').toFormat('ZZZZ z'),
    DateTime.fromISO('2026-03-29T02:30', { zone: 'Europe/Zurich' }).toISO(),
    DateTime.fromJSDate(at).setLocale('fr').toLocaleString(DateTime.DATETIME_HUGE),
    DateTime.fromFormat('31. Januar 2026', 'd. MMMM yyyy', { locale: 'de' }).toISODate(),
    Duration.fromObject({ hours: 30, minutes: 5 }).shiftTo('days', 'hours', 'minutes').toHuman(),
    Interval.after(at, { weeks: 1 }).splitBy({ days: 3 }).length,
    DateTime.fromISO('nonsense').invalidExplanation,
  ],
  '/intl': () => [
    new Intl.DateTimeFormat('ar', { dateStyle: 'full', timeZone: 'UTC', numberingSystem: 'arab' }).format(at),
    new Intl.NumberFormat('de', { style: 'currency', currency: 'CHF' }).format(1234567.891),
    new Intl.NumberFormat('en-IN', { notation: 'compact' }).format(12345678),
    new Intl.RelativeTimeFormat('es', { numeric: 'auto' }).format(-1, 'day'),
    new Intl.PluralRules('pl').select(3),
    new Intl.ListFormat('en', { type: 'disjunction' }).format(['a', 'b', 'c']),
    new Intl.Collator('sv').compare('ä', 'z'),
    [...new Intl.Segmenter('th', { granularity: 'word' }).segment('สวัสดีชาวโลก')].length,
    new Intl.DisplayNames('it', { type: 'region' }).of('CH'),
    Intl.DateTimeFormat().resolvedOptions().timeZone,
    Intl.DateTimeFormat().resolvedOptions().locale,
    new Date(0).toString(),
    at.getTimezoneOffset(),
    (1234.5).toLocaleString(),
    'İ'.toLocaleLowerCase('tr').length,
    'ﬁ'.normalize('NFKC'),
  ],
};

export default { fetch: (request: Request) => Response.json(pages[new URL(request.url).pathname]?.() ?? null) };
