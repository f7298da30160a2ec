"""Walks the service model that botocore ships against a running sitewise-local.

For each supported operation: a valid request gets an answer that is what the output shape says;
every constraint of the input shape, broken once, gets InvalidRequestException which names the
member, and its valid counterpart does not; every exception that the operation may answer with is
provoked once and is what its own shape says. Everything else in the model is an unknown operation.
"""

import json
import sys

import errors
import violations
from wire import OPERATIONS, SHAPES, Api, check_answer, check_error, new_id
from world import World

passed, failed = 0, []


def test(name, faults):
    global passed
    if faults:
        failed.append(f"{name}: {faults}")
    else:
        passed += 1


def error_of(operation, answer):
    if answer.error != "InvalidRequestException":
        return [f"answered {answer}"]
    return check_error(operation, answer)


def is_batch_put_type(operation, case):
    # The typed reader says what is wrong but not where.
    return operation == "BatchPutAssetPropertyValue" and case.rule in ("type", "enum", "required valueType")


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


def main(address):
    api = Api(address)
    world = World(api)
    bases = world.bases()
    constraints = silent = met = 0
    for operation, base in bases.items():
        answer = api.send(operation, base)
        test(f"{operation} answers", check_answer(operation, answer))
        world.settle()
    world = World(api)
    bases = world.bases()
    for operation, base in bases.items():
        expressible, inexpressible = violations.of_operation(operation)
        silent += len(inexpressible)
        for case in expressible:
            constraints += 1
            whole = violations.completed(operation, base, case.path)
            if case.path:
                bad = violations.with_value(whole, case.path, case.bad)
            else:
                bad = {name: value for name, value in base.items() if name != case.bad}
            answer = api.send(operation, bad)
            faults = error_of(operation, answer)
            if not faults and not is_batch_put_type(operation, case) and not names_member(case, answer):
                faults = [f"does not name the member: {answer}"]
            test(f"{operation} {case}", faults)
            met += not faults
            if case.path and case.good is not None:
                good = violations.with_value(whole, case.path, case.good)
                answer = api.send(operation, good)
                faults = [f"finds fault with what is valid: {answer}"] if complains(case, answer) else []
                test(f"{operation} {case} met", faults)
    provoked = ordered = 0
    for operation in bases:
        for name in sorted({error["shape"] for error in OPERATIONS[operation].get("errors", [])}):
            answer, natural = errors.provoke(api, operation, name)
            provoked += natural
            ordered += not natural
            faults = check_error(operation, answer)
            if answer.error != name:
                faults = [f"answered {answer}"]
            test(f"{operation} {name}", faults)
    unknown = [name for name in OPERATIONS if name not in bases]
    for operation in unknown:
        members = SHAPES[OPERATIONS[operation]["input"]["shape"]]["members"]
        given = {name: new_id() for name, member in members.items() if member.get("location") == "uri"}
        answer = api.send(operation, given)
        faults = [] if (answer.status, answer.error) == (404, "UnknownOperationException") else [str(answer)]
        test(f"{operation} is unknown", faults)
    for fault in failed[:60]:
        print("FAILED", fault[:700])
    share = 100 * met / constraints
    print(
        f"contract: {len(bases)} operations are supported and {len(unknown)} are not; {met} of {constraints} "
        f"constraints, broken one by one, got the documented error: {share:.1f} % "
        f"({silent} more cannot be expressed in a request); "
        f"{provoked} exceptions were provoked by the account's state, {ordered} were ordered"
    )
    print(json.dumps({"passed": passed, "failed": len(failed)}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
