"""The compiled serverless.yml is complete for every function, and grants no more rights than it needs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.app import ROUTES as CONSOLE_ROUTES
from functions.feed.serve_feed import ROUTES
from layers.build import PYTHON, ROOT
from layers.package import TEMPLATE, lint
from shared.runtime.json_api import DOCUMENTATION
from tests.contract.conftest import Deployment, handlers, key_of

SOURCES = [ROOT / "serverless.yml", *ROOT.glob("functions/*/serverless.yml"), *ROOT.glob("layers/resources/*.yml")]

# Actions and resources with a * that may be granted, each with its reason. None so far.
ACCEPTED_WILDCARDS: frozenset[str] = frozenset()

# Alarms on our own metrics; others are on dead letters, errors and throttles.
WATCHED = {"GuestFeedAge", "RelayLag", "SuspectsWaiting", "Answers", "RefusedModels", "ParkedChanges"}
DEAD_LETTER_QUEUES = {"FailedEvents", "FailedChanges", "FailedTraining"}

ANSWER_S = 0.1  # duration of a run of serveFeed, several times the measured one

each_handler = pytest.mark.parametrize("handler", handlers(), ids=lambda path: path.stem)


def test_every_handler_has_a_key_and_every_key_a_handler(deployment: Deployment) -> None:
    declared = {key: function["handler"] for key, function in deployment.functions.items()}

    assert declared == {key_of(path): path.relative_to(ROOT).with_suffix(".handler").as_posix() for path in handlers()}


@each_handler
def test_a_function_has_a_sample_of_its_event(handler: Path) -> None:
    domain = handler.parents[1].name

    assert isinstance(json.loads((ROOT / "events" / domain / f"{handler.stem}.json").read_text()), dict)


@each_handler
def test_a_function_says_when_it_runs(handler: Path, deployment: Deployment) -> None:
    function = deployment.functions[key_of(handler)]
    on_demand = function.get("tags", {}).get("trigger") == "on-demand"

    assert bool(function.get("events")) != on_demand, "either a trigger, or the tag `trigger: on-demand`"


@each_handler
def test_a_function_says_what_it_may_use(handler: Path, deployment: Deployment) -> None:
    function = deployment.functions[key_of(handler)]
    compiled = deployment.properties(key_of(handler), "LambdaFunction")

    assert {"description", "memorySize", "timeout", "reservedConcurrency", "layers"} <= function.keys()
    assert compiled["ReservedConcurrentExecutions"] >= 1
    assert 0 < compiled["Timeout"] <= 900
    assert compiled["Runtime"] == f"python{PYTHON}"


@each_handler
def test_what_fails_for_good_is_kept(handler: Path, deployment: Deployment) -> None:
    failures = deployment.properties(key_of(handler), "LambdaEvConf")

    queue = failures["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
    assert deployment.resources[queue]["Type"] == "AWS::SQS::Queue"
    assert deployment.resources[queue]["Properties"]["SqsManagedSseEnabled"] is True
    assert failures["MaximumRetryAttempts"] in (0, 1, 2)
    assert failures["MaximumEventAgeInSeconds"] >= 60


@each_handler
def test_a_function_has_a_role_of_its_own(handler: Path, deployment: Deployment) -> None:
    name = deployment.properties(key_of(handler), "LambdaFunction")["Role"]["Fn::GetAtt"][0]
    users = [
        logical_id
        for logical_id, resource in deployment.resources.items()
        if resource["Type"] == "AWS::Lambda::Function" and resource["Properties"]["Role"]["Fn::GetAtt"][0] == name
    ]

    assert len(users) == 1
    assert trusted(deployment.resources[name]) == ["lambda.amazonaws.com"]
    assert "sqs:SendMessage" in list(granted(deployment.resources[name], "Action")), "to tell of its failures"


@each_handler
def test_logs_do_not_stay_for_ever(handler: Path, deployment: Deployment) -> None:
    assert deployment.properties(key_of(handler), "LogGroup")["RetentionInDays"] == 30


@each_handler
def test_secrets_are_named_not_told_and_may_be_read(handler: Path, deployment: Deployment) -> None:
    function = deployment.properties(key_of(handler), "LambdaFunction")
    variables = function["Environment"]["Variables"]
    secretive = re.compile(r"URI|KEY|SECRET|TOKEN|PASSWORD")
    named = {value for name, value in variables.items() if name.endswith("_PARAMETER")}
    role = deployment.resources[function["Role"]["Fn::GetAtt"][0]]
    allowed = [item for item in statements_of(role) if "ssm:GetParameter" in texts(item["Action"])]
    readable = [item["Resource"] for item in allowed]

    assert [name for name in variables if secretive.search(name) and not name.endswith("_PARAMETER")] == []
    assert "MONGO_URI_PARAMETER" in variables
    handles_artifacts = "artifact_keys" in handler.read_text()
    assert ("ARTIFACT_KEYS_PARAMETER" in variables) == handles_artifacts, "only for who handles artifacts"
    assert {arn.partition(":parameter")[2] for arn in texts(readable)} == named


def test_a_schedule_says_when_it_was_due_and_can_reach_its_function(deployment: Deployment) -> None:
    schedules = of_type(deployment, "AWS::Scheduler::Schedule")
    assert schedules

    for properties in schedules:
        target = properties["Target"]
        caller = deployment.resources[target["RoleArn"]["Fn::GetAtt"][0]]
        assert json.loads(target["Input"])["time"] == "<aws.scheduler.scheduled-time>"
        assert properties["ScheduleExpressionTimezone"] == "UTC"
        assert trusted(caller) == ["scheduler.amazonaws.com"]
        assert target["Arn"] in statement(caller, "lambda:InvokeFunction")["Resource"]
        assert target["DeadLetterConfig"]["Arn"] == statement(caller, "sqs:SendMessage")["Resource"]
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 7200, "old ticks do not run after new ones"


def test_every_queue_is_encrypted_and_keeps_what_failed_apart(deployment: Deployment) -> None:
    queues = {
        name: resource["Properties"]
        for name, resource in deployment.resources.items()
        if resource["Type"] == "AWS::SQS::Queue"
    }
    dead = {queue(properties["RedrivePolicy"]) for properties in queues.values() if "RedrivePolicy" in properties}
    mappings = of_type(deployment, "AWS::Lambda::EventSourceMapping")
    fed = {mapping["EventSourceArn"]["Fn::GetAtt"][0] for mapping in mappings}

    assert all(properties["SqsManagedSseEnabled"] is True for properties in queues.values())
    assert {name for name in queues if "RedrivePolicy" in queues[name]} == fed
    assert dead == queues.keys() - fed - {"FailedEvents"}
    for name in fed:
        assert queues[name]["RedrivePolicy"]["maxReceiveCount"] in range(2, 11)


def test_the_console_counts_all_dead_letters_and_reads_none(deployment: Deployment) -> None:
    function = deployment.properties("serveConsole", "LambdaFunction")
    role = deployment.resources[function["Role"]["Fn::GetAtt"][0]]
    actions = {action for item in statements_of(role) for action in texts(item["Action"]) if action.startswith("sqs:")}
    counted = {arn["Fn::GetAtt"][0] for arn in statement(role, "sqs:GetQueueAttributes")["Resource"]}
    named = function["Environment"]["Variables"]["DEAD_LETTER_QUEUES"]["Fn::Join"][1]

    assert actions == {"sqs:GetQueueAttributes", "sqs:SendMessage"}, "what fails of its own goes to FailedEvents"
    assert counted == {url["Ref"] for url in named} == DEAD_LETTER_QUEUES


def test_a_queue_waits_for_as_long_as_its_function_may_take(deployment: Deployment) -> None:
    for mapping in of_type(deployment, "AWS::Lambda::EventSourceMapping"):
        function = deployment.resources[mapping["FunctionName"]["Fn::GetAtt"][0]]["Properties"]
        waits = deployment.resources[mapping["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]["VisibilityTimeout"]
        assert waits >= 6 * function["Timeout"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"] <= function["ReservedConcurrentExecutions"]


@each_handler
def test_a_function_that_fails_or_is_throttled_is_heard_of(handler: Path, deployment: Deployment) -> None:
    for metric in ("Errors", "Throttles"):
        alarm = deployment.properties(key_of(handler), f"{metric}Alarm")
        assert alarm["MetricName"] == metric
        assert (
            alarm["Dimensions"][0]["Value"]["Ref"]
            == key_of(handler)[0].upper() + key_of(handler)[1:] + "LambdaFunction"
        )


def test_every_alarm_tells_the_topic_what_it_means(deployment: Deployment) -> None:
    resources = deployment.resources
    alarms = {name: item for name, item in resources.items() if item["Type"] == "AWS::CloudWatch::Alarm"}

    assert {f"{name}Alarm" for name in DEAD_LETTER_QUEUES | WATCHED} <= alarms.keys()
    for properties in (alarm["Properties"] for alarm in alarms.values()):
        assert properties["AlarmActions"] == properties["OKActions"] == [{"Ref": "Alarms"}]
        assert properties["AlarmDescription"].endswith(".")
    assert deployment.resources["Alarms"]["Type"] == "AWS::SNS::Topic"


@pytest.mark.parametrize("alarm", sorted(WATCHED))
def test_an_alarm_watches_what_a_function_tells(alarm: str, deployment: Deployment) -> None:
    properties = deployment.resources[f"{alarm}Alarm"]["Properties"]
    named = {dimension["Name"]: dimension["Value"] for dimension in properties["Dimensions"]}

    assert properties["Namespace"] == "Feedkeeper"
    if "function" in named:
        assert named == {"function": named["function"], "service": "feedkeeper"}
        assert named["function"] in {path.stem for path in handlers()}
    else:
        assert named == {"collection": "contents", "service": "feedkeeper-relay"}


def test_the_dashboard_is_one_that_can_be_read(deployment: Deployment) -> None:
    body = json.loads(deployment.resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])

    titles = [widget["properties"]["title"] for widget in body["widgets"]]
    assert len(titles) == len(set(titles)) >= 8
    assert all("SEARCH(" in widget["properties"]["metrics"][0][0]["expression"] for widget in body["widgets"])


@pytest.mark.parametrize("key", ["rankContents", "recommendHome", "recommendPeople", "serveFeed", "serveConsole"])
def test_who_is_waited_for_starts_from_a_snapshot(key: str, deployment: Deployment) -> None:
    name = key[0].upper() + key[1:]

    assert deployment.properties(key, "LambdaFunction")["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert deployment.resources[f"{name}SnapStartLambdaAlias"]["Properties"]["Name"] == "snapstart"
    assert deployment.properties(key, "LambdaEvConf")["Qualifier"] == "snapstart", "what fails there is kept too"


def test_requests_are_served_by_the_snapshot(deployment: Deployment) -> None:
    integrations = of_type(deployment, "AWS::ApiGatewayV2::Integration")

    assert [part["IntegrationUri"]["Fn::Join"][1][1] for part in integrations] == ["snapstart"] * 2


def test_the_gateway_throttles_before_the_function_does(deployment: Deployment) -> None:
    [stage] = of_type(deployment, "AWS::ApiGatewayV2::Stage")
    limits, runs = stage["DefaultRouteSettings"], deployment.functions["serveFeed"]["reservedConcurrency"]

    assert 0 < limits["ThrottlingBurstLimit"] <= 2 * runs, "who comes at once beyond that waits for a run"
    assert limits["ThrottlingRateLimit"] <= runs / ANSWER_S


def test_the_gateway_notes_every_request_without_tokens_or_people(deployment: Deployment) -> None:
    [stage] = of_type(deployment, "AWS::ApiGatewayV2::Stage")
    log = stage["AccessLogSettings"]
    group = deployment.resources[log["DestinationArn"]["Fn::GetAtt"][0]]

    assert group["Type"] == "AWS::Logs::LogGroup"
    assert group["Properties"]["RetentionInDays"] == 30
    noted = json.loads(log["Format"])
    assert {"requestId", "lambdaRequestId", "route", "status"} <= noted.keys()
    assert all(re.fullmatch(r"\$context\.[A-Za-z.]+", variable) for variable in noted.values())
    personal = re.compile(r"identity|authorizer|sourceIp|userAgent|path|query|header|domain", re.IGNORECASE)
    assert [variable for variable in noted.values() if personal.search(variable)] == []


def test_every_route_of_the_gateway_is_one_that_the_function_answers(deployment: Deployment) -> None:
    routes = {route["RouteKey"] for route in of_type(deployment, "AWS::ApiGatewayV2::Route")}

    of_feed = {f"{route.method} {route.path}" for route in ROUTES} | {f"GET {DOCUMENTATION}"}
    assert routes == of_feed | {"GET /console", "GET /console/{proxy+}", "POST /console/{proxy+}"}
    assert all(re.fullmatch("/console(/.+)?", route.path) for route in CONSOLE_ROUTES)


def test_a_stack_may_still_grow(deployment: Deployment) -> None:
    assert len(deployment.resources) <= 400, "CloudFormation takes 500"


def test_no_role_is_granted_a_wildcard(deployment: Deployment) -> None:
    roles = {key: value for key, value in deployment.resources.items() if value["Type"] == "AWS::IAM::Role"}
    assert roles

    wild = {
        (name, text)
        for name, role in roles.items()
        for part in ("Action", "NotAction", "Resource", "NotResource")
        for text in granted(role, part)
        if "*" in text or part.startswith("Not")
    }
    assert {pair for pair in wild if pair[1] not in ACCEPTED_WILDCARDS} == set()


def test_no_account_is_named() -> None:
    assert [file.name for file in SOURCES if re.search(r"(?<!\d)\d{12}(?!\d)", file.read_text())] == []


def test_the_template_passes_cfn_lint(deployment: Deployment) -> None:
    lint(deployment.folder / TEMPLATE)


def queue(redrive: dict[str, Any]) -> str:
    name: str = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
    return name


def of_type(deployment: Deployment, kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in deployment.resources.values() if resource["Type"] == kind]


def trusted(role: dict[str, Any]) -> list[str]:
    statements = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    return [service for item in statements for service in item["Principal"]["Service"]]


def statements_of(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role["Properties"]["Policies"]:
        yield from (item for item in policy["PolicyDocument"]["Statement"] if item["Effect"] == "Allow")


def statement(role: dict[str, Any], action: str) -> dict[str, Any]:
    return next(item for item in statements_of(role) if action in texts(item["Action"]))


def granted(role: dict[str, Any], part: str) -> Iterator[str]:
    for item in statements_of(role):
        yield from texts(item.get(part, []))


def texts(value: object) -> list[str]:
    """Every string in a value of the template, however deep (Fn::Sub, Fn::Join, lists)."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []
