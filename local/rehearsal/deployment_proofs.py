"""Proofs of the deployment itself: functions, alarms, logs, upgrades, and a database that is made again."""

import json

from layers.build import lock
from layers.package import layer_name
from local import ownership
from local.rehearsal.stage import Disproved, Stage, named
from local.rehearsal.trigger_proofs import a_network_is_filled
from local.waiting import wait_for


def every_function_is_there(stage: Stage) -> str:
    """Each function has the memory, time-out, layers, variables and role that serverless.yml gives it."""
    resources = stage.template.values()
    declared = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::Lambda::Function"]
    client, roles = stage.cloud.client("lambda"), set()
    for expected in declared:
        name = expected["FunctionName"]
        deployed = client.get_function_configuration(FunctionName=name)
        layers = [layer["Arn"].split(":")[-2].rpartition("-")[2] for layer in deployed["Layers"]]
        for title, actual, should_be in (
            ("memory", deployed["MemorySize"], expected["MemorySize"]),
            ("time-out", deployed["Timeout"], expected["Timeout"]),
            ("layers", layers, [layer_name(reference) for reference in expected["Layers"]]),
            ("variables", set(deployed["Environment"]["Variables"]), set(expected["Environment"]["Variables"])),
        ):
            if actual != should_be:
                raise Disproved(f"{name}: {title} is {actual}, not {should_be}")
        roles.add(deployed["Role"])
    if len(roles) != len(declared):
        raise Disproved(f"{len(declared)} functions share {len(roles)} roles")
    return f"{len(declared)} functions, each with its layers, variables, time-out and a role of its own"


def everything_is_watched(stage: Stage) -> str:
    """All alarms notify the topic, and there is a dashboard."""
    watch = stage.cloud.client("cloudwatch")
    pages = watch.get_paginator("describe_alarms").paginate()
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    silent = [alarm["AlarmName"] for alarm in alarms if alarm["AlarmActions"] != [stage.physical["Alarms"]]]
    dashboards = watch.list_dashboards()["DashboardEntries"]
    if silent or not alarms or len(dashboards) != 1:
        raise Disproved(f"{len(alarms)} alarms, {len(dashboards)} dashboards; nobody hears of {silent[:3]}")
    return f"{len(alarms)} alarms, all told to one topic, and a dashboard"


def logs_and_metrics_tell(stage: Stage) -> str:
    """Each line that a function logs is JSON; one says what was done, with the id of the call, one is metrics."""
    lines = [line for line in stage.log_of("buildGuestFeed") if line.startswith("{")]
    parsed = [json.loads(line) for line in lines]
    runs = [entry for entry in parsed if entry.get("message") == "done"]
    metrics = [entry for entry in parsed if "_aws" in entry]
    if not runs or not all(entry.get("correlation_id") for entry in runs):
        raise Disproved(f"no line tells what was done, or under which id: {lines[:3]}")
    if not metrics or metrics[0]["_aws"]["CloudWatchMetrics"][0]["Namespace"] != "Feedkeeper":
        raise Disproved(f"no metrics: {lines[:3]}")
    return f"{len(runs)} runs of buildGuestFeed told with their ids, and as metrics in embedded format"


def a_model_is_brought_back(stage: Stage) -> str:
    """A version that does not exist is refused with a list of those that do; one of these becomes live."""
    refusal = stage.operator.types("Upgrades and rollbacks", 2)
    versions = refusal.rpartition("kept: ")[2].partition('"')[0].split(", ")
    answer = stage.operator.types("Upgrades and rollbacks", 3, VERSION=versions[0])
    if "FunctionError" in answer:
        raise Disproved(answer)
    return f"{versions[0]}, of {len(versions)} that are kept"


def upgraded_and_rolled_back(stage: Stage) -> str:
    """In place: a deployment with another log level, then the old one again; layers are not uploaded anew."""
    client, name = stage.cloud.client("lambda"), named("serveFeed")
    before = client.get_function_configuration(FunctionName=name)
    stage.operator.types("Upgrades and rollbacks")
    with lock("package"):
        stage.operator.types("Upgrades and rollbacks", 1, more="--param logLevel=ERROR")
        upgraded = client.get_function_configuration(FunctionName=name)
        stage.operator.types("Upgrades and rollbacks", 1)
    after = client.get_function_configuration(FunctionName=name)
    versions = (before, upgraded, after)
    levels = [version["Environment"]["Variables"]["LOG_LEVEL"] for version in versions]
    if levels[0] != levels[2] or levels[1] != "ERROR":
        raise Disproved(f"the log level was {', then '.join(levels)}")
    if upgraded["Layers"] != before["Layers"] or after["Layers"] != before["Layers"]:
        raise Disproved("layers were uploaded again")
    return f"log level {' -> '.join(levels)}; layers as they were"


def a_lost_database_is_made_again(stage: Stage) -> str:
    """After the loss of analytics-db, guest feed and contentinfo: indexes, then the first deployment's functions."""
    store = stage.store
    before = store.app.contentinfo.count_documents({"removedAt": {"$exists": False}})
    ownership.drop_database(store.analytics)
    for collection in (store.app.guestfeeditems, store.app.contentinfo):
        ownership.drop_collection(collection)
    stage.operator.types("Upgrades and rollbacks")
    filled = a_network_is_filled(stage)
    after = store.app.contentinfo.count_documents({"removedAt": {"$exists": False}})
    if after < before:
        raise Disproved(f"{after} posts are described of {before}")
    accounts = store.analytics.mlArtifacts
    wait_for("models of accounts", lambda: accounts.estimated_document_count(), within_s=120)
    return f"{filled}; {after} posts described, accounts trained"
