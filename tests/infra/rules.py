"""Holds infra/sparkwise.yaml to infra/rules.guard, and shows that each rule can fail.

    python rules.py path/to/cfn-guard

The last line is "N passed, N failed".
"""

import copy
import json
import pathlib
import re
import subprocess
import sys

from cfnlint.decode import decode

ROOT = pathlib.Path(__file__).resolve().parents[2]


def template(name):
    """A template with its short forms (!Sub) written out, as CloudFormation itself reads it."""
    tree, faults = decode(str(ROOT / name))
    assert not faults, faults
    return json.loads(json.dumps(tree))


def failed(guard, trees, rules):
    """For each template the names of the rules that it does not keep."""
    payload = json.dumps({"rules": [rules], "data": [json.dumps(tree) for tree in trees]})
    arguments = [guard, "validate", "--payload", "--structured", "--output-format", "json"]
    run = subprocess.run(
        [*arguments, "--show-summary", "none"], input=payload, capture_output=True, text=True
    )
    assert run.returncode in (0, 19), run.stderr or run.stdout
    reports = sorted(json.loads(run.stdout), key=lambda report: int(report["name"].strip("DATA_STIN[]")))
    assert len(reports) == len(trees), f"{len(reports)} reports of {len(trees)} templates"
    assert not any(report["not_applicable"] for report in reports), "a rule that finds nothing to judge"
    return [{entry["Rule"]["name"] for entry in report["not_compliant"]} for report in reports]


def properties(tree, resource):
    return tree["Resources"][resource]["Properties"]


def container(tree):
    return properties(tree, "Task")["ContainerDefinitions"][0]


def task_statements(tree):
    return properties(tree, "TaskRole")["Policies"][0]["PolicyDocument"]["Statement"]


def break_one_task(tree):
    properties(tree, "Service")["DesiredCount"] = 2


def break_one_task_by_default(tree):
    tree["Parameters"]["Bridges"]["Default"] = 2


def break_overlap(tree):
    properties(tree, "Service")["DeploymentConfiguration"]["MaximumPercent"] = 200


def break_gap_between_two(tree):
    """Both are stopped before another starts."""
    properties(tree, "Service")["DeploymentConfiguration"]["MinimumHealthyPercent"]["Fn::If"][1] = 0


def break_rebalancing(tree):
    properties(tree, "Service")["AvailabilityZoneRebalancing"] = "ENABLED"


def break_rule_of_the_lease(tree):
    del tree["Rules"]["TwoShareALease"]


def break_variable_of_the_lease(tree):
    environment = container(tree)["Environment"]
    [lease] = [entry for entry in environment if "LEASE" in json.dumps(entry)]
    environment.remove(lease)


def break_managed_policy(tree):
    properties(tree, "TaskRole")["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AWSIoTSiteWiseFullAccess"]


def break_trust(tree):
    document = properties(tree, "TaskRole")["AssumeRolePolicyDocument"]
    document["Statement"][0]["Principal"]["Service"] = "ec2.amazonaws.com"


def break_pattern(tree):
    task_statements(tree)[1]["Action"].append("iotsitewise:Describe*")


def break_pattern_of_disk(tree):
    document = properties(tree, "DiskPolicy")["PolicyDocument"]
    document["Statement"][0]["Action"] = ["elasticfilesystem:*"]


def break_resources(tree):
    task_statements(tree)[2]["Resource"] = "*"


def break_secret_resources(tree):
    properties(tree, "SecretPolicy")["PolicyDocument"]["Statement"][0]["Resource"] = "*"


def break_deletion(tree):
    task_statements(tree)[2]["Action"].append("iotsitewise:DeleteAsset")


def break_plain_secret(tree):
    container(tree)["Environment"].append({"Name": "MQTT_PASSWORD", "Value": "hunter2"})


def break_plain_secret_of_a_condition(tree):
    secret = {"Name": "MQTT_PASSWORD", "Value": "hunter2"}
    container(tree)["Environment"].append({"Fn::If": ["HasLease", secret, {"Ref": "AWS::NoValue"}]})


def break_root(tree):
    container(tree)["User"] = "0:0"


def break_writable_root(tree):
    container(tree)["ReadonlyRootFilesystem"] = False


def break_shell(tree):
    container(tree)["HealthCheck"]["Command"] = ["CMD-SHELL", "/sparkwise healthcheck"]


def break_door(tree):
    properties(tree, "TaskGroup")["SecurityGroupIngress"] = [
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "0.0.0.0/0"}
    ]


def break_door_of_the_balancer(tree):
    properties(tree, "BalancerGroup")["SecurityGroupIngress"][0]["CidrIp"] = "0.0.0.0/0"


def break_door_of_the_console(tree):
    del tree["Resources"]["ConsoleFromNetwork"]["Condition"]


def break_port_of_the_console(tree):
    properties(tree, "ConsoleFromNetwork")["ToPort"] = 9000


def break_inside(tree):
    properties(tree, "Balancer")["Scheme"] = "internet-facing"


def break_tls(tree):
    properties(tree, "BalancerListener")["Protocol"] = "HTTP"


def break_health(tree):
    """A task that waits for AWS would be replaced."""
    properties(tree, "ConsoleTarget")["HealthCheckPath"] = "/readyz"


def break_plain_token(tree):
    container(tree)["Environment"].append({"Name": "CONSOLE_TOKEN", "Value": "0123456789abcdef"})


def break_port_mapping(tree):
    container(tree)["PortMappings"] = [{"ContainerPort": 8080}]


def break_exec(tree):
    properties(tree, "Service")["EnableExecuteCommand"] = True


def break_exec_by_default(tree):
    tree["Parameters"]["ExecuteCommand"]["Default"] = "yes"


def break_exec_right(tree):
    del tree["Resources"]["ExecPolicy"]["Condition"]


def break_exec_rights(tree):
    statement = properties(tree, "ExecPolicy")["PolicyDocument"]["Statement"][0]
    statement["Action"].append("ssm:SendCommand")


def break_encryption(tree):
    properties(tree, "Disk")["Encrypted"] = False


def break_kept(tree):
    tree["Resources"]["Disk"]["DeletionPolicy"] = "Delete"


def break_left_behind(tree):
    """A file system that a failed first creation leaves behind."""
    tree["Resources"]["Disk"]["DeletionPolicy"] = "Retain"


def break_every_key(tree):
    statement = properties(tree, "SecretKeyPolicy")["PolicyDocument"]["Statement"][0]
    statement["Resource"] = "arn:aws:kms:*:123456789012:key/*"


def break_key_without_service(tree):
    del properties(tree, "SecretKeyPolicy")["PolicyDocument"]["Statement"][0]["Condition"]


def break_way_to_aws(tree):
    del properties(tree, "TaskGroup")["SecurityGroupEgress"][0]


def break_port_443(tree):
    """As it was: whatever the port, a rule of its own."""
    rules = properties(tree, "TaskGroup")["SecurityGroupEgress"]
    rules[1] = rules[1]["Fn::If"][1]


def break_images(tree):
    statements = properties(tree, "ExecutionRole")["Policies"][0]["PolicyDocument"]["Statement"]
    statements[1]["Resource"] = "arn:aws:ecr:eu-west-1:123456789012:repository/*"


def break_role_of_ecs(tree):
    tree["Resources"]["EcsRole"]["DeletionPolicy"] = "Delete"


def break_order_of_ecs(tree):
    properties(tree, "Cluster")["Tags"] = [{"Key": "ServiceLinkedRole", "Value": "existing"}]


def break_transit(tree):
    volume = properties(tree, "Task")["Volumes"]["Fn::If"][2][0]["Fn::If"][1]
    volume["EFSVolumeConfiguration"]["TransitEncryption"] = "DISABLED"


def break_transit_with_commands(tree):
    volume = properties(tree, "Task")["Volumes"]["Fn::If"][1][0]["Fn::If"][1]
    volume["EFSVolumeConfiguration"]["TransitEncryption"] = "DISABLED"


def break_rules_of_commands(tree):
    tree["Parameters"]["CommandsAllow"]["Default"] = "* = 0..1"


def break_rights_of_commands(tree):
    del tree["Resources"]["CommandsPolicy"]["Condition"]


def break_rights_of_iot_commands(tree):
    del tree["Resources"]["CommandsIotPolicy"]["Condition"]


def break_rights_without_condition(tree):
    task_statements(tree)[1]["Action"].append("sqs:ReceiveMessage")


def break_requests_of_its_own(tree):
    """A bridge that can send requests to itself."""
    statement = properties(tree, "CommandsPolicy")["PolicyDocument"]["Statement"][0]
    statement["Action"].append("sqs:SendMessage")


def break_every_thing(tree):
    statement = properties(tree, "CommandsIotPolicy")["PolicyDocument"]["Statement"][3]
    statement["Resource"]["Fn::Sub"] = statement["Resource"]["Fn::Sub"].replace("${AWS::StackName}", "*")


def break_dead_letters(tree):
    del properties(tree, "CommandsQueue")["RedrivePolicy"]


def break_plain_queue(tree):
    properties(tree, "CommandsAnswers")["SqsManagedSseEnabled"] = False


BREAKS = {
    break_rules_of_commands: "the_plant_is_written_to_only_by_choice",
    break_rights_of_commands: "the_plant_is_written_to_only_by_choice",
    break_rights_of_iot_commands: "the_plant_is_written_to_only_by_choice",
    break_rights_without_condition: "the_plant_is_written_to_only_by_choice",
    break_requests_of_its_own: "the_plant_is_written_to_only_by_choice",
    break_every_thing: "the_plant_is_written_to_only_by_choice",
    break_dead_letters: "the_plant_is_written_to_only_by_choice",
    break_plain_queue: "the_plant_is_written_to_only_by_choice",
    break_one_task: "one_task_unless_two_share_a_lease",
    break_one_task_by_default: "one_task_unless_two_share_a_lease",
    break_overlap: "one_task_unless_two_share_a_lease",
    break_gap_between_two: "one_task_unless_two_share_a_lease",
    break_rule_of_the_lease: "one_task_unless_two_share_a_lease",
    break_variable_of_the_lease: "one_task_unless_two_share_a_lease",
    break_rebalancing: "one_task_unless_two_share_a_lease",
    break_managed_policy: "roles_are_for_the_task",
    break_trust: "roles_are_for_the_task",
    break_pattern: "no_action_is_a_pattern",
    break_pattern_of_disk: "no_action_is_a_pattern",
    break_resources: "star_resource_only_where_required",
    break_secret_resources: "star_resource_only_where_required",
    break_deletion: "nothing_is_deleted",
    break_plain_secret: "no_secret_in_plain_text",
    break_plain_secret_of_a_condition: "no_secret_in_plain_text",
    break_root: "container_is_hardened",
    break_writable_root: "container_is_hardened",
    break_shell: "container_is_hardened",
    break_door: "no_ingress_but_the_console",
    break_door_of_the_balancer: "no_ingress_but_the_console",
    break_door_of_the_console: "no_ingress_but_the_console",
    break_port_of_the_console: "no_ingress_but_the_console",
    break_inside: "no_ingress_but_the_console",
    break_tls: "no_ingress_but_the_console",
    break_health: "no_ingress_but_the_console",
    break_plain_token: "no_secret_in_plain_text",
    break_port_mapping: "container_is_hardened",
    break_exec: "ecs_exec_is_opt_in",
    break_exec_by_default: "ecs_exec_is_opt_in",
    break_exec_right: "ecs_exec_is_opt_in",
    break_exec_rights: "star_resource_only_where_required",
    break_encryption: "the_disk_is_encrypted_and_kept",
    break_kept: "the_disk_is_encrypted_and_kept",
    break_left_behind: "the_disk_is_encrypted_and_kept",
    break_every_key: "keys_are_used_through_their_service",
    break_key_without_service: "keys_are_used_through_their_service",
    break_way_to_aws: "aws_is_reached_whatever_the_mqtt_port",
    break_port_443: "aws_is_reached_whatever_the_mqtt_port",
    break_images: "images_from_own_or_named_repository",
    break_role_of_ecs: "the_role_of_ecs_is_kept",
    break_order_of_ecs: "the_role_of_ecs_is_kept",
    break_transit: "the_disk_is_encrypted_and_kept",
    break_transit_with_commands: "the_disk_is_encrypted_and_kept",
}


def a_secret_is_taken_by_name_only(tree):
    """Who writes a password where its secret's ARN belongs is told so before anything is stored."""
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:plant/mqtt-AbCdEf"
    pattern = tree["Parameters"]["MqttSecret"]["AllowedPattern"]
    taken = {"": True, arn: True, "hunter2": False, f"{arn}:key::": False}
    found = {value: bool(re.fullmatch(pattern, value)) for value in taken}
    if found != taken:
        print(f"MqttSecret takes {found}")
    return 0 if found == taken else 1


def resolved(tree, condition, parameters):
    """A condition of the template, for these values of its parameters."""
    kind, operands = next(iter(condition.items()))
    if kind == "Ref":
        return str(parameters.get(operands, tree["Parameters"][operands].get("Default", "")))
    if kind == "Condition":
        return resolved(tree, tree["Conditions"][operands], parameters)
    if kind == "Fn::Equals":
        values = [
            resolved(tree, operand, parameters) if isinstance(operand, dict) else str(operand)
            for operand in operands
        ]
        return values[0] == values[1]
    found = [resolved(tree, operand, parameters) for operand in operands]
    return {"Fn::Not": lambda: not found[0], "Fn::Or": lambda: any(found), "Fn::And": lambda: all(found)}[kind]()


def ports(tree, **parameters):
    """What the task's security group lets out."""
    found = []
    for rule in properties(tree, "TaskGroup")["SecurityGroupEgress"]:
        if "Fn::If" in rule:
            condition, rule, _ = rule["Fn::If"]
            if not resolved(tree, {"Condition": condition}, parameters):
                continue
        port = rule["FromPort"]
        found.append(str(resolved(tree, port, parameters) if isinstance(port, dict) else port))
    return found


def each_port_is_let_out_once(tree):
    """Two rules that are alike are one to EC2: taking one away takes both."""
    cases = [
        ({}, ["443", "8883"]),
        ({"MqttPort": 443}, ["443"]),
        ({"MqttPort": 1883, "MqttSecondPort": 8883}, ["443", "1883", "8883"]),
        ({"MqttPort": 8883, "MqttSecondPort": 443, "MqttThirdPort": 8883}, ["443", "8883"]),
        ({"MqttSecondPort": 1883, "MqttThirdPort": 1883}, ["443", "8883", "1883"]),
        ({"MqttPort": 1, "MqttSecondPort": 2, "MqttThirdPort": 3}, ["443", "1", "2", "3"]),
    ]
    wrong = [(given, found) for given, right in cases if (found := ports(tree, **given)) != right]
    for given, found in wrong:
        print(f"{given} lets out {found}")
    return 1 if wrong else 0


def held(guard, tree, rules, breaks):
    """How many cases were as they should be, and how many not: the template keeps all rules, and
    each of `breaks` breaks those that it is there for, and no other."""
    trees = [tree]
    expected = [("the template keeps the rules", set())]
    for broken, names in breaks.items():
        trees.append(copy.deepcopy(tree))
        broken(trees[-1])
        expected.append((f"{broken.__name__} is noticed", names))
    never = set(re.findall(r"^rule (\w+)", rules, re.MULTILINE)).difference(*breaks.values())
    if never:
        print(f"never broken: {sorted(never)}")
    wrong = len(never)
    for (name, names), found in zip(expected, failed(guard, trees, rules), strict=True):
        if found != names:
            print(f"{name}: broken {sorted(found)}, not {sorted(names)}")
            wrong += 1
    return len(trees) + len(never) - wrong, wrong


def main(guard):
    rules = (ROOT / "infra/rules.guard").read_text()
    tree = template("infra/sparkwise.yaml")
    passed, wrong = held(guard, tree, rules, {broken: {rule} for broken, rule in BREAKS.items()})
    others = a_secret_is_taken_by_name_only(tree) + each_port_is_let_out_once(tree)
    print(f"{passed + 2 - others} passed, {wrong + others} failed")
    return wrong + others


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1]) else 0)
