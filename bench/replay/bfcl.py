"""The Berkeley Function-Calling Leaderboard (PyPI bfcl-eval): its multi-turn tasks with their programs, and its parallel calls,
which have no programs."""

import ast
import copy
import datetime
import hashlib
import importlib
import inspect
import itertools
import json
from importlib.resources import files

from scripts import Call, Step

DATA = files("bfcl_eval") / "data"
PROGRAMS = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code."
# The module of each class, which is also the name of the file with its definitions.
MODULES = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "TwitterAPI": "posting_api",
    "VehicleControlAPI": "vehicle_control",
}
TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": None}


def lines(path):
    return [json.loads(line) for line in (DATA / path).read_text().splitlines() if line]


def schema(definition):
    """JSON Schema from the definitions' own dialect."""
    if not isinstance(definition, dict):
        return definition
    changed = {}
    for name, value in definition.items():
        if name == "properties":
            changed[name] = {key: schema(inner) for key, inner in value.items()}
        elif name == "items":
            changed[name] = schema(value)
        elif name == "type":
            value = TYPES.get(value.lower(), value.lower()) if isinstance(value, str) else value
            if value is not None:
                changed[name] = value
        else:
            changed[name] = value
    return changed


def tool(definition):
    return {
        "name": definition["name"],
        "description": definition["description"],
        "inputSchema": schema(definition["parameters"]),
    }


class MultiTurn:
    """Tasks that use the same classes. A task begins with the state that it configures."""

    def __init__(self, classes):
        self.classes = classes.split("+")
        self.configured = {task["id"]: task["initial_config"] for task in lines("BFCL_v4_multi_turn_base.json")}

    def tools(self):
        modules = [MODULES[name] for name in self.classes]
        definitions = [definition for module in modules for definition in lines(f"multi_turn_func_doc/{module}.json")]
        return [tool(definition) for definition in definitions]

    def state(self, task):
        state = {}
        for name in self.classes:
            program = getattr(importlib.import_module(PROGRAMS + MODULES[name]), name)()
            if hasattr(program, "_load_scenario"):
                program._load_scenario(json.loads(json.dumps(self.configured[task].get(name, {}))), long_context=False)
            state[name] = program
        return state

    def function(self, state, name):
        return next(getattr(program, name) for program in state.values() if hasattr(program, name))

    def call(self, state, name, arguments):
        try:
            # The functions keep and change the lists that they are given.
            result = self.function(state, name)(**copy.deepcopy(arguments))
            return (result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)), False
        except Exception as reason:  # the model reads the exceptions of the functions
            return f"Error: {reason}", True

    def digest(self, state):
        return hashlib.sha256(json.dumps(plain(state, []), sort_keys=True).encode()).hexdigest()


def plain(value, parents):
    """Objects as JSON. A directory knows its parent: a cycle becomes a mark."""
    if isinstance(value, float) and value.is_integer():  # JSON has one kind of number
        return int(value)
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, (datetime.date, datetime.time)):  # the time of the run
        return "(time)"
    if any(value is parent for parent in parents):
        return "(above)"
    parents = parents + [value]
    if isinstance(value, dict):
        return {str(key): plain(inner, parents) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, parents) for inner in value]
    if hasattr(value, "getstate"):  # a source of random numbers
        return str(value.getstate())
    if hasattr(value, "__dict__"):
        return {"(class)": type(value).__name__} | plain(vars(value), parents)
    return repr(value)


class MultiTurnTask:
    def __init__(self, suite, task, truth):
        self.id = task["id"]
        state, self.steps, said = suite.state(self.id), [], ""
        for question, calls in itertools.zip_longest(task["question"], truth, fillvalue=[]):
            said += "\n".join(message["content"] for message in question)
            made = []
            for text in calls:
                name, arguments = arguments_of(suite, state, text)
                made.append(Call(name, arguments, *suite.call(state, name, arguments)))
            self.steps.append(Step(said, made))
        self.question = self.steps[0].said[:200]
        self.digest = suite.digest(state)


def arguments_of(suite, state, text):
    """The name and the named arguments of a call that is written in Python."""
    call = ast.parse(text, mode="eval").body
    name = call.func.id
    names = [parameter for parameter in inspect.signature(suite.function(state, name)).parameters]
    arguments = dict(zip(names, map(ast.literal_eval, call.args)))
    return name, arguments | {word.arg: ast.literal_eval(word.value) for word in call.keywords}


def multi_turn():
    """Gives (name of the MCP server, suite, tasks) for each combination of classes."""
    tasks = lines("BFCL_v4_multi_turn_base.json")
    truth = {answer["id"]: answer["ground_truth"] for answer in lines("possible_answer/BFCL_v4_multi_turn_base.json")}
    by_classes = {}
    for task in tasks:
        by_classes.setdefault("+".join(sorted(task["involved_classes"])), []).append(task)
    for classes, tasks in sorted(by_classes.items()):
        suite = MultiTurn(classes)
        yield "desk", suite, [MultiTurnTask(suite, task, truth[task["id"]]) for task in tasks]


class Parallel:
    """One task of the parallel calls. Its functions have no programs: each call has the same short result, and the state is the
    calls that were made."""

    def __init__(self, place):
        kind, number = place.split("/")
        self.task = lines(f"BFCL_v4_{kind}.json")[int(number)]
        self.answer = lines(f"possible_answer/BFCL_v4_{kind}.json")[int(number)]

    def tools(self):
        return [tool(definition) for definition in self.task["function"]]

    def state(self, _task):
        return []

    def call(self, state, name, arguments):
        state.append([name, arguments])
        return "done", False

    def digest(self, state):
        made = sorted(json.dumps(plain(call, []), sort_keys=True) for call in state)
        return hashlib.sha256(json.dumps(made).encode()).hexdigest()


class ParallelTask:
    def __init__(self, suite, place):
        self.id = place
        state, calls = suite.state(self.id), []
        for answer in suite.answer["ground_truth"]:
            [(name, allowed)] = answer.items()
            # The first of the allowed values; an argument that may be left out is left out.
            arguments = {key: first(values) for key, values in allowed.items() if "" not in values}
            calls.append(Call(name, arguments, *suite.call(state, name, arguments)))
        said = "\n".join(message["content"] for message in suite.task["question"][0])
        self.question = said[:200]
        self.steps = [Step(said, calls)]
        self.digest = suite.digest(state)


def first(values):
    """The first allowed value, in which objects have lists of allowed values too."""
    value = values[0]
    if isinstance(value, dict):
        return {key: first(inner) for key, inner in value.items() if "" not in inner}
    return value


def parallel(kind):
    """Gives (place, suite, task) of each task."""
    for number in range(len(lines(f"BFCL_v4_{kind}.json"))):
        place = f"{kind}/{number}"
        suite = Parallel(place)
        yield place, suite, ParallelTask(suite, place)
