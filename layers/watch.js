'use strict';

// Adds monitoring for every function, new ones included: an alarm on errors, an alarm on throttling, and the dashboard.
// Alarms on the functions' own metrics are in serverless.yml.

const TOPIC = { Ref: 'Alarms' };
const MINUTES = 60;

class Watch {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = { 'before:package:finalize': () => this.watch() };
  }

  watch() {
    const { service } = this.serverless;
    const { naming } = this.serverless.getProvider('aws');
    const { Resources } = service.provider.compiledCloudFormationTemplate;

    for (const key of service.getAllFunctions()) {
      const name = { Ref: naming.getLambdaLogicalId(key) };
      const alarm = `${naming.getNormalizedFunctionName(key)}`;
      Resources[`${alarm}ErrorsAlarm`] = this.alarm('Errors', name, `${key} failed; its log says why.`);
      Resources[`${alarm}ThrottlesAlarm`] = this.alarm('Throttles', name, `${key} was called more often than it may run at once.`);
    }
    Resources.Dashboard = {
      Type: 'AWS::CloudWatch::Dashboard',
      Properties: {
        DashboardName: `feedkeeper-${service.provider.stage}`,
        DashboardBody: { 'Fn::Sub': JSON.stringify({ widgets: this.widgets(service.provider.stage) }) },
      },
    };
  }

  alarm(metric, name, description) {
    return {
      Type: 'AWS::CloudWatch::Alarm',
      Properties: {
        AlarmDescription: description,
        Namespace: 'AWS/Lambda',
        MetricName: metric,
        Dimensions: [{ Name: 'FunctionName', Value: name }],
        Statistic: 'Sum',
        Period: 5 * MINUTES,
        EvaluationPeriods: 1,
        Threshold: 1,
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        TreatMissingData: 'notBreaching',
        AlarmActions: [TOPIC],
        OKActions: [TOPIC],
      },
    };
  }

  widgets(stage) {
    const lambda = (metric, statistic) =>
      `SEARCH('{AWS/Lambda,FunctionName} FunctionName=feedkeeper-${stage} MetricName="${metric}"', '${statistic}', 300)`;
    const queues = `SEARCH('{AWS/SQS,QueueName} QueueName=feedkeeper-${stage} MetricName="ApproximateNumberOfMessagesVisible"', 'Maximum', 60)`;
    const reported = (metric, statistic) => `SEARCH('{Feedkeeper,function,service} MetricName="${metric}"', '${statistic}', 300)`;
    const rows = [
      ['Failures', lambda('Errors', 'Sum')],
      ['Throttles', lambda('Throttles', 'Sum')],
      ['How long functions run, slowest twentieth [ms]', lambda('Duration', 'p95')],
      ['Calls', lambda('Invocations', 'Sum')],
      ['Waiting in queues', queues],
      ['Documents written', reported('written', 'Sum')],
      ['Models refused', reported('refused_models', 'Sum')],
      ['Suspects waiting', reported('waiting', 'Maximum')],
      ['Relay: seconds behind', `SEARCH('{Feedkeeper,collection,service} MetricName="lag"', 'Maximum', 60)`],
    ];
    return rows.map(([title, expression], number) => ({
      type: 'metric',
      x: 12 * (number % 2),
      y: 6 * Math.floor(number / 2),
      width: 12,
      height: 6,
      properties: { title, region: '${AWS::Region}', view: 'timeSeries', metrics: [[{ expression, id: 'all' }]] },
    }));
  }
}

module.exports = Watch;
