"""A walk over a service model: what was tested of it, each constraint broken once, and what is left
of it unsupported.
"""

import json

import violations
from wire import OPERATIONS, SHAPES, check_error, new_id


class Walk:
    """`invalid` gives the error that an operation answers to a request that breaks the model;
    `is_nameless` whether the answer to a case does not name the member."""

    def __init__(self, api, invalid, is_nameless=lambda _operation, _case: False):
        self.api, self.invalid, self.is_nameless = api, invalid, is_nameless
        self.passed, self.failed = 0, []
        # Constraints that were broken, that cannot be, and that got the documented error.
        self.constraints = self.silent = self.met = 0

    def test(self, name, faults):
        if faults:
            self.failed.append(f"{name}: {faults}")
        else:
            self.passed += 1

    def break_each(self, operation, base):
        """Breaks every constraint of an operation's request once; what keeps it is not complained of."""
        expressible, inexpressible = violations.of_operation(operation)
        self.silent += len(inexpressible)
        for case in expressible:
            self.constraints += 1
            whole = violations.completed(operation, base, case.path)
            if case.path:
                bad = violations.with_value(whole, case.path, case.bad)
            else:
                bad = {name: value for name, value in base.items() if name != case.bad}
            answer = self.api.send(operation, bad)
            faults = self.faults_of(operation, case, answer)
            self.test(f"{operation} {case}", faults)
            self.met += not faults
            if case.path and case.good is not None:
                good = violations.with_value(whole, case.path, case.good)
                answer = self.api.send(operation, good)
                faults = [f"finds fault with what is valid: {answer}"] if complains(case, answer) else []
                self.test(f"{operation} {case} met", faults)

    def faults_of(self, operation, case, answer):
        if answer.error != self.invalid(operation):
            return [f"answered {answer}"]
        faults = check_error(operation, answer)
        if not faults and not self.is_nameless(operation, case) and not names_member(case, answer):
            faults = [f"does not name the member: {answer}"]
        return faults

    def ask_unknown(self, supported):
        """Everything else in the model is an unknown operation. Gives back how many there are."""
        unknown = [name for name in OPERATIONS if name not in supported]
        for operation in unknown:
            members = SHAPES[OPERATIONS[operation]["input"]["shape"]]["members"]
            given = {name: new_id() for name, member in members.items() if member.get("location") == "uri"}
            answer = self.api.send(operation, given)
            is_unknown = (answer.status, answer.error) == (404, "UnknownOperationException")
            self.test(f"{operation} is unknown", [] if is_unknown else [str(answer)])
        return len(unknown)

    def end(self, summary):
        """Prints what came of it; the exit code."""
        for fault in self.failed[:60]:
            print("FAILED", fault[:700])
        print(summary)
        print(json.dumps({"passed": self.passed, "failed": len(self.failed)}))
        return 1 if self.failed else 0


def names_member(case, answer):
    wanted = [str(step) for step in case.path if isinstance(step, str)]
    if case.rule.startswith("required "):
        wanted.append(case.rule.split()[1])
    return wanted[-1] in answer.json["message"]


def complains(case, answer):
    """Whether an answer finds fault with the form of the member itself."""
    if answer.status != 400:
        return False
    message = answer.json.get("message", "")
    path = ".".join("1.member" if step == 0 else str(step) for step in case.path)
    return "validation error" in message and f"'{path}'" in message
