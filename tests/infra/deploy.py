"""Deploys infra/sparkwise.yaml with the documented command to an emulator of CloudFormation.

    python deploy.py http://127.0.0.1:5000 moto path/to/aws
    python deploy.py http://127.0.0.1:4566 localstack path/to/aws

What it proves: the template is accepted, its references and conditions hold, and where IAM, EC2,
Logs and Secrets Manager are emulated completely, what is in them afterwards. What it does not:
that Fargate starts the task. moto keeps a service without running it, LocalStack's free edition
keeps ECS and EFS as placeholders only, and neither refuses a call for lack of rights.

The last line is "N passed, N failed".
"""

import json
import os
import pathlib
import subprocess
import sys

import boto3
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
STACK = "sparkwise-test"
TAGS = "team=ot,sparkplug:node={group}/{node}"
ALLOW = "WindTurbine/Pitch Limit = 0..90 step 0.5; Nordsee/*/Derate = on, off"
ENDPOINT = "a1b2c3-ats.iot.eu-west-1.amazonaws.com"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sparkwise:0.1.0"


class World:
    def __init__(self, endpoint, aws, stack=STACK):
        self.aws = aws
        self.stack = stack
        self.environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_PAGER": "",
        }
        session = boto3.Session("test", "test", region_name="eu-west-1")
        self.client = lambda service: session.client(service, endpoint_url=endpoint)

    def network(self):
        """A VPC with two subnets, as the template expects one."""
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = {"Vpc": vpc}
        for name, zone, block in [("A", "a", "10.0.1.0/24"), ("B", "b", "10.0.2.0/24")]:
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"eu-west-1{zone}")
            subnets[f"Subnet{name}"] = subnet["Subnet"]["SubnetId"]
        return subnets

    def deploy(self, parameters, template="sparkwise"):
        """The command of docs/deploy.md."""
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        command = ["cloudformation", "deploy", "--stack-name", self.stack]
        command += ["--template-file", str(ROOT / f"infra/{template}.yaml")]
        command += ["--capabilities", "CAPABILITY_IAM", "--parameter-overrides", *overrides]
        run = subprocess.run([self.aws, *command], env=self.environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        return self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]

    def resources(self):
        """What the stack consists of: kind of resource by physical id."""
        found = self.client("cloudformation").describe_stack_resources(StackName=self.stack)
        return {
            resource["PhysicalResourceId"]: resource["ResourceType"]
            for resource in found["StackResources"]
            if resource.get("PhysicalResourceId")
        }

    def rights(self):
        """Every allowed action with its resources, of all roles of the stack."""
        iam = self.client("iam")
        found = {}
        roles = [name for name, kind in self.resources().items() if kind == "AWS::IAM::Role"]
        for role in roles:
            assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
            for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
                for statement in plain(document)["Statement"]:
                    actions = statement["Action"]
                    for action in [actions] if isinstance(actions, str) else actions:
                        found.setdefault(action, []).append(statement["Resource"])
        return found


def plain(document):
    """A policy: moto tells some as Python writes dictionaries, which YAML reads as well as JSON."""
    return yaml.safe_load(document) if isinstance(document, str) else document


def only_the_secret_is_read(world, secret):
    assert world.rights()["secretsmanager:GetSecretValue"] == [secret], world.rights()


def only_the_secrets_keys_are_used(world, keys):
    """With a key of the console's secret of its own the task did not start."""
    assert world.rights()["kms:Decrypt"] == [keys], world.rights()


def only_the_image_s_repository_is_read(world, repository):
    assert world.rights()["ecr:BatchGetImage"] == [repository], world.rights()


def rights_name_account_and_region(world):
    account = world.client("sts").get_caller_identity()["Account"]
    rights = world.rights()
    prefix = f"arn:aws:iotsitewise:eu-west-1:{account}:"
    assert rights["iotsitewise:UpdateAssetModel"] == [f"{prefix}asset-model/*"], rights
    for action in ("BatchGet", "BatchPut"):
        assert rights[f"iotsitewise:{action}AssetPropertyValue"] == [f"{prefix}asset/*"], rights
    for action in ("DescribeAssetProperty", "ListAssetProperties", "UpdateAssetProperty"):
        assert rights[f"iotsitewise:{action}"] == [f"{prefix}asset/*"], rights
    assert "iotsitewise:TagResource" not in rights, rights


def tags_are_put_on_by_choice(world):
    assert variables(world)["TWIN_TAGS"] == TAGS, variables(world)
    account = world.client("sts").get_caller_identity()["Account"]
    rights = world.rights()
    for action in ("ListTagsForResource", "TagResource"):
        # asset/* and asset-model/*
        assert rights[f"iotsitewise:{action}"] == [f"arn:aws:iotsitewise:eu-west-1:{account}:asset*"], rights


def no_ingress_but_to_the_disk(world):
    """Neither plays SecurityGroupEgress, so what is let out is not seen here."""
    ids = [name for name, kind in world.resources().items() if kind == "AWS::EC2::SecurityGroup"]
    groups = world.client("ec2").describe_security_groups(GroupIds=ids)["SecurityGroups"]
    assert groups
    for group in groups:
        for rule in group["IpPermissions"]:
            assert rule["FromPort"] == 2049 and rule["UserIdGroupPairs"] and not rule["IpRanges"], rule


def the_log_is_kept_for_a_while(world):
    groups = world.client("logs").describe_log_groups(logGroupNamePrefix=f"/sparkwise/{STACK}")
    assert groups["logGroups"][0]["retentionInDays"] == 30, groups


def there_are_alarms(world):
    alarms = world.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == "Sparkwise"}
    wanted = {"Ready", "Degraded", "OldestValueAgeSeconds", "DeadLetters", "Throttled", "ValuesLost"}
    assert watched == wanted, watched


def what_is_needed_afterwards_is_told(world):
    stack = world.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"] for output in stack["Outputs"]}
    assert {"LogGroup", "DashboardName", "TaskSecurityGroup", "ServiceName"} <= outputs, outputs


def one_task_without_plain_secrets(world):
    ecs = world.client("ecs")
    names = {kind: name for name, kind in world.resources().items()}
    cluster, service = names["AWS::ECS::Cluster"], names["AWS::ECS::Service"]
    service = ecs.describe_services(cluster=cluster, services=[service])["services"][0]
    assert service["desiredCount"] == 1, service
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    container = task["containerDefinitions"][0]
    assert container["readonlyRootFilesystem"] is True, container
    environment = named(container["environment"])
    assert "LEASE" not in environment, environment
    assert environment["MQTT_URL"] == "mqtts://mqtt.plant.example:8883", environment
    assert environment["OUTBOX_DIR"] == "/outbox", environment
    assert "in-the-secret" not in json.dumps(task)


def the_console_is_behind_tls_and_commands_run(world):
    ecs, elb = world.client("ecs"), world.client("elbv2")
    names = {kind: name for name, kind in world.resources().items()}
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]
    assert balancer["Scheme"] == "internal", balancer
    listener = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"][0]
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS"), listener
    target = elb.describe_target_groups()["TargetGroups"][0]
    assert (target["HealthCheckPath"], target["TargetType"]) == ("/livez", "ip"), target
    service = ecs.describe_services(
        cluster=names["AWS::ECS::Cluster"], services=[names["AWS::ECS::Service"]]
    )["services"][0]
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    container = task["containerDefinitions"][0]
    assert container["readonlyRootFilesystem"] is True, container
    mounted = {point["containerPath"] for point in container["mountPoints"]}
    agent = {"/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"}
    assert mounted == {"/outbox", *agent}, mounted
    # moto keeps a null for what is not there.
    secrets = {secret["name"] for secret in container["secrets"] if secret}
    assert "CONSOLE_TOKEN" in secrets, container
    environment = named(container["environment"])
    assert environment["CONSOLE_ADDR"] == "0.0.0.0:8080", environment
    assert "in-the-secret-too" not in json.dumps(task)
    rights = world.rights()
    exec_rights = [action for action in rights if action.startswith("ssmmessages:")]
    assert len(exec_rights) == 4, rights


def iot_core_s_statements(world):
    policy = world.client("iot").get_policy(policyName=f"{world.stack}-mqtt")
    # moto keeps a null for what is not there, which YAML reads as a word.
    found = plain(policy["policyDocument"])["Statement"]
    return [statement for statement in found if isinstance(statement, dict)]


def the_policy_of_iot_core_is_made(world):
    statements = iot_core_s_statements(world)
    assert any("iot:RetainPublish" in statement["Action"] for statement in statements), statements


def without_commands_there_is_nothing_of_them(world):
    """No queue, no thing, no right, and no variable that says otherwise."""
    kinds = set(world.resources().values())
    assert not kinds & {"AWS::SQS::Queue", "AWS::IoT::Thing"}, kinds
    assert not [right for right in world.rights() if right.startswith(("sqs:", "iot:"))]
    if "AWS::ECS::TaskDefinition" in kinds:
        set_to = {name: value for name, value in variables(world).items() if name.startswith("COMMANDS_")}
        assert not any(set_to.values()), set_to


def variables(world):
    """Those of the container."""
    names = {kind: name for name, kind in world.resources().items()}
    task = world.client("ecs").describe_task_definition(taskDefinition=names["AWS::ECS::TaskDefinition"])
    container = task["taskDefinition"]["containerDefinitions"][0]
    return named(container["environment"])


def named(environment):
    """Variables by name: moto keeps a null for what is not there."""
    return {entry["name"]: entry["value"] for entry in environment if entry}


def commands_come_in_by_choice(world):
    sqs, stack, set_to = world.client("sqs"), world.stack, variables(world)
    assert set_to["COMMANDS_ALLOW"] == ALLOW, set_to
    assert (set_to["COMMANDS_THING"], set_to["COMMANDS_IOT_URL"]) == (stack, f"wss://{ENDPOINT}"), set_to
    requests, answers = set_to["COMMANDS_QUEUE_URL"], set_to["COMMANDS_ANSWER_QUEUE_URL"]
    attributes = {
        url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        for url in (requests, answers)
    }
    redrive = json.loads(attributes[requests]["RedrivePolicy"])
    assert int(redrive["maxReceiveCount"]) == 3, redrive
    rights = world.rights()
    arns = {url: attribute["QueueArn"] for url, attribute in attributes.items()}
    for action in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage"):
        assert rights[f"sqs:{action}"] == [arns[requests]], rights
    assert rights["sqs:SendMessage"] == [arns[answers]], rights
    account = world.client("sts").get_caller_identity()["Account"]
    prefix = f"arn:aws:iot:eu-west-1:{account}:"
    topic = f"{prefix}topic/$aws/commands/things/{stack}/executions/*"
    assert rights["iot:Connect"] == [f"{prefix}client/{stack}"], rights
    assert rights["iot:Publish"] == [f"{topic}/response/json"], rights
    assert rights["iot:Receive"] == [topic], rights
    assert rights["iot:Subscribe"] == [topic.replace(":topic/", ":topicfilter/")], rights
    assert world.client("iot").describe_thing(thingName=stack)["thingName"] == stack


def late_values_have_their_rights_and_no_others(world, task, bucket, role):
    iam, s3 = world.client("iam"), world.client("s3")
    policy = iam.get_role_policy(RoleName=task, PolicyName="late")["PolicyDocument"]
    statements = {statement["Sid"]: statement for statement in plain(policy)["Statement"]}
    assert statements["Objects"]["Resource"] == f"arn:aws:s3:::{bucket}/*", statements
    assert statements["Bucket"]["Resource"] == f"arn:aws:s3:::{bucket}", statements
    assert statements["PassRole"]["Resource"] == role, statements
    trust = iam.get_role(RoleName=role.rsplit("/", 1)[1])["Role"]["AssumeRolePolicyDocument"]
    assert plain(trust)["Statement"][0]["Principal"]["Service"] == "iotsitewise.amazonaws.com", trust
    # moto keeps neither lifecycle nor public access block of a bucket: tests/it/infra.rs looks at them.
    assert bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]


def the_lease_s_rights_reach_one_item(world, task, table):
    iam, dynamodb = world.client("iam"), world.client("dynamodb")
    policy = iam.get_role_policy(RoleName=task, PolicyName="lease")["PolicyDocument"]
    [statement] = plain(policy)["Statement"]
    found = dynamodb.describe_table(TableName=table)["Table"]
    assert statement["Resource"] == found["TableArn"], statement
    assert statement["Action"] == ["dynamodb:GetItem", "dynamodb:UpdateItem"], statement
    [(_, keys)] = statement["Condition"].items()
    assert keys == {"dynamodb:LeadingKeys": ["sparkwise"]}, statement
    assert found["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}], found
    assert found["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST", found


def main(endpoint, kind, aws):
    world = World(endpoint, aws)
    secret = world.client("secretsmanager").create_secret(
        Name="plant/mqtt", SecretString='{"MQTT_PASSWORD": "in-the-secret"}'
    )["ARN"]
    # One of the MQTT secret, one of the console's.
    keys = [world.client("kms").create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    # An image of another account and region.
    repository = "arn:aws:ecr:us-east-1:210987654321:repository/sparkwise"
    parameters = {
        **world.network(),
        "Image": IMAGE,
        "MqttUrl": "mqtts://mqtt.plant.example:8883",
        "MqttUsername": "sparkwise",
        "MqttSecret": secret,
        "MqttSecretKeyArn": ",".join(keys),
        "ImageRepositoryArn": repository,
        "MqttPort": "443",
        "MqttSecondPort": "8883",
    }
    checks = [
        lambda: only_the_secret_is_read(world, secret),
        lambda: only_the_secrets_keys_are_used(world, keys),
        lambda: only_the_image_s_repository_is_read(world, repository),
        lambda: rights_name_account_and_region(world),
    ]
    if kind == "moto":
        # It makes no alarms, lets every security group out, and tells no outputs.
        parameters["IotCorePolicy"] = "yes"
        checks.append(lambda: the_log_is_kept_for_a_while(world))
        checks.append(lambda: one_task_without_plain_secrets(world))
        checks.append(lambda: the_policy_of_iot_core_is_made(world))
    else:
        # The free edition has neither ECS nor EFS nor IoT: placeholders stand for the first two.
        checks.append(lambda: no_ingress_but_to_the_disk(world))
        checks.append(lambda: there_are_alarms(world))
        checks.append(lambda: what_is_needed_afterwards_is_told(world))
    checks.append(lambda: without_commands_there_is_nothing_of_them(world))
    stack = world.deploy(parameters)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack

    if kind == "moto":
        # Another stack with a console for the VPC, behind TLS, and ECS Exec: moto cannot
        # update a listener.
        console = world.client("secretsmanager").create_secret(
            Name="plant/console", SecretString='{"CONSOLE_TOKEN": "in-the-secret-too"}'
        )["ARN"]
        certificate = world.client("acm").request_certificate(DomainName="sparkwise.plant.example")
        opened = {
            **parameters,
            "ConsoleSecret": console,
            "ConsoleCidr": "10.0.0.0/16",
            "ConsoleCertificateArn": certificate["CertificateArn"],
            "ExecuteCommand": "yes",
        }

        def opened_by_choice():
            other = World(endpoint, aws, f"{STACK}-open")
            stack = other.deploy(opened)
            assert stack["StackStatus"] == "CREATE_COMPLETE", stack
            the_console_is_behind_tls_and_commands_run(other)

        checks.append(opened_by_choice)

        def commanded_by_choice():
            other = World(endpoint, aws, f"{STACK}-commands")
            chosen = {"CommandsAllow": ALLOW, "CommandsIotEndpoint": ENDPOINT, "TwinTags": TAGS}
            stack = other.deploy({**parameters, **chosen})
            assert stack["StackStatus"] == "CREATE_COMPLETE", stack
            commands_come_in_by_choice(other)
            tags_are_put_on_by_choice(other)

        checks.append(commanded_by_choice)

        def late_values_travel_by_choice():
            roles = [name for name, kind in world.resources().items() if kind == "AWS::IAM::Role"]
            [task] = [name for name in roles if "TaskRole" in name]
            assert not variables(world)["LATE_BUCKET"]
            late = World(endpoint, aws, f"{STACK}-late")
            stack = late.deploy({"TaskRoleName": task}, "late")
            assert stack["StackStatus"] == "CREATE_COMPLETE", stack
            # moto tells no outputs of a stack that a change set has created.
            made = {kind: name for name, kind in late.resources().items()}
            bucket = made["AWS::S3::Bucket"]
            role = late.client("iam").get_role(RoleName=made["AWS::IAM::Role"])["Role"]["Arn"]
            outputs = {"LateBucket": bucket, "LateRoleArn": role}
            late_values_have_their_rights_and_no_others(world, task, bucket, role)
            # A stack of its own: moto forgets the variables of a task that it updates.
            other = World(endpoint, aws, f"{STACK}-buffered")
            stack = other.deploy({**parameters, **outputs, "IngestBuffered": "*/Diagnostics"})
            assert stack["StackStatus"] == "CREATE_COMPLETE", stack
            set_to = variables(other)
            assert (set_to["LATE_BUCKET"], set_to["LATE_ROLE_ARN"]) == (bucket, role), set_to
            assert set_to["INGEST_BUFFERED"] == "*/Diagnostics", set_to

        checks.append(late_values_travel_by_choice)

        def two_bridges_share_a_lease_by_choice():
            roles = [name for name, kind in world.resources().items() if kind == "AWS::IAM::Role"]
            [task] = [name for name in roles if "TaskRole" in name]
            lease = World(endpoint, aws, f"{STACK}-lease")
            stack = lease.deploy({"TaskRoleName": task}, "lease")
            assert stack["StackStatus"] == "CREATE_COMPLETE", stack
            made = {kind: name for name, kind in lease.resources().items()}
            table = made["AWS::DynamoDB::Table"]
            the_lease_s_rights_reach_one_item(world, task, table)
            # moto tells no outputs of a stack that a change set has created.
            chosen = {"Lease": f"dynamodb://{table}/sparkwise", "Bridges": "2"}
            other = World(endpoint, aws, f"{STACK}-pair")
            stack = other.deploy({**parameters, **chosen, "SparkplugHostId": "pair"})
            assert stack["StackStatus"] == "CREATE_COMPLETE", stack
            assert variables(other)["LEASE"] == chosen["Lease"], variables(other)
            names = {kind: name for name, kind in other.resources().items()}
            found = other.client("ecs").describe_services(
                cluster=names["AWS::ECS::Cluster"], services=[names["AWS::ECS::Service"]]
            )["services"][0]
            # moto keeps no configuration of deployments: rules.guard looks at it.
            assert found["desiredCount"] == 2, found
            # The one that follows connects as well.
            connects = [
                statement["Resource"].rsplit(":", 1)[1]
                for statement in iot_core_s_statements(other)
                if statement["Action"] == "iot:Connect"
            ]
            assert connects == ["client/pair", "client/pair-????????"], connects

        checks.append(two_bridges_share_a_lease_by_choice)

    passed, wrong = 1, 0
    for check in checks:
        try:
            check()
            passed += 1
        except AssertionError as fault:
            wrong += 1
            print(f"{kind}: {fault!r}")
    print(f"{passed} passed, {wrong} failed")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
