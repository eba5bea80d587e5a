"""Scripts for the true calls of a task, and what they return."""

import json

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Call:
    """One true call with the text of its result."""

    def __init__(self, name, arguments, text, failed):
        self.name, self.arguments, self.text, self.failed = name, arguments, text, failed

    def writes(self):
        return self.name.split("_")[0] not in ("get", "find", "list", "search", "calculate")


class Step:
    """What the user says, and the calls that follow."""

    def __init__(self, said, calls, wanted=()):
        self.said, self.calls, self.wanted = said, calls, list(wanted)


def script(server, said, calls, wanted=(), parallel=False):
    """One statement for each call. Arguments that the user did not say come from earlier results, by index. `parallel` calls do
    not depend on each other."""
    results, used, lines = [], set(), []

    def written(value):
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{key(name)}: {written(inner)}" for name, inner in value.items()) + " }"
        if isinstance(value, list):
            return "[" + ", ".join(map(written, value)) + "]"
        if isinstance(value, str) and len(value) > 2 and value not in said and not parallel:
            for at, result in enumerate(results):
                path = find(result, value)
                if path is not None:
                    used.add(at)
                    return variable(at) + path
        return compact(value)

    made = []
    for call in calls:
        tool = f".{call.name}" if call.name.isidentifier() else f"[{compact(call.name)}]"
        text = f"env.{server}{tool}({written(call.arguments)})"
        made.append(text if parallel else f"await {text}" + (".catch((e) => e.message)" if call.failed else ""))
        results.append(parsed(call.text))
    if parallel:
        return f"return await {made[0]};" if len(made) == 1 else f"return await Promise.all([{', '.join(made)}]);"
    back = returned(calls, results, used, wanted)
    for at, call in enumerate(made):
        lines.append(f"const {variable(at)} = {call};" if at in used else f"{call};")
    return "\n".join(lines + [f"return {back};"])


def variable(at):
    return LETTERS[at % 26] + ("" if at < 26 else str(at // 26))


def key(name):
    return name if name.isidentifier() else compact(name)


def returned(calls, results, used, wanted):
    """The script's result: the requested values if a result has them, and the outcome of each change. If the answer must be
    computed from the results, unused results are returned whole."""

    def name(at):
        used.add(at)
        return variable(at)

    parts = []
    for value in wanted:
        places = ((at, find(result, value)) for at, result in enumerate(results))
        found = next(((at, path) for at, path in places if path is not None), None)
        if found is None:
            parts = [name(at) for at in range(len(results)) if at not in used]
            break
        parts.append(name(found[0]) + found[1])
    for at, call in enumerate(calls):
        if call.failed or call.writes():
            result = results[at]
            part = name(at)
            if isinstance(result, dict) and result:
                part += ".status" if isinstance(result.get("status"), str) else member(next(iter(result)))
            if part not in parts and part.split(".")[0] not in parts:
                parts.append(part)
    if not parts:
        parts = [name(at) for at in range(len(results)) if at not in used] or [name(len(results) - 1)]
    return parts[0] if len(parts) == 1 else "[" + ", ".join(parts) + "]"


def member(name):
    return f".{name}" if name.isidentifier() else f"[{compact(name)}]"


def parsed(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def find(value, wanted):
    """The path of a text or number in a result, outermost first."""
    queue = [("", value)]
    for path, inner in queue:
        if isinstance(inner, dict):
            queue.extend((path + member(name), deeper) for name, deeper in inner.items())
        elif isinstance(inner, list):
            queue.extend((f"{path}[{at}]", deeper) for at, deeper in enumerate(inner))
        elif not isinstance(inner, bool) and inner is not None and str(inner) == wanted:
            return path
    return None
