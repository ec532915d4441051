'use strict';

// Restricts permissions that osls and serverless-iam-roles-per-function leave too wide in the compiled template:
//
// - Schedules would call a function with that function's own role, which may not call it. They get one role that may
//   call exactly the scheduled functions, a dead-letter queue, and the maximum event age of their function (with the
//   default of 24 hours, old ticks could run after new ones).
// - Roles of functions could be assumed by the scheduler, and could write to every log group below a prefix. Each role is
//   restricted to Lambda, and to the function's own log group.
// - The shared default role, which nothing uses any more, is removed.

const ROLE = 'SchedulerRole';
const FAILED_EVENTS = { 'Fn::GetAtt': ['FailedEvents', 'Arn'] };

class Tighten {
  constructor(serverless) {
    this.serverless = serverless;
    // Has to be listed after the roles plugin, which uses the same hook.
    this.hooks = { 'before:package:finalize': () => this.tighten() };
  }

  tighten() {
    const { service } = this.serverless;
    const { naming } = this.serverless.getProvider('aws');
    const { Resources } = service.provider.compiledCloudFormationTemplate;

    const scheduled = [];
    for (const key of service.getAllFunctions()) {
      const settings = service.getFunction(key);
      const roleId = Resources[naming.getLambdaLogicalId(key)].Properties.Role['Fn::GetAtt'][0];
      if (roleId === naming.getRoleLogicalId()) {
        throw new this.serverless.classes.Error(`${key} has no role of its own: give it iamRoleStatements, [] if none`);
      }
      this.ownRole(Resources[roleId].Properties, naming.getLogGroupLogicalId(key));

      const count = (settings.events || []).filter((event) => event.schedule).length;
      for (let number = 1; number <= count; number += 1) {
        const { Target } = Resources[naming.getSchedulerScheduleLogicalId(key, number)].Properties;
        scheduled.push(Target.Arn);
        Target.RoleArn = { 'Fn::GetAtt': [ROLE, 'Arn'] };
        Target.DeadLetterConfig = { Arn: FAILED_EVENTS };
        Target.RetryPolicy = { MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: settings.maximumEventAge };
      }
    }
    delete Resources[naming.getRoleLogicalId()];
    if (scheduled.length) Resources[ROLE] = this.schedulerRole(scheduled);
  }

  ownRole(role, logGroupId) {
    role.AssumeRolePolicyDocument.Statement[0].Principal.Service = ['lambda.amazonaws.com'];
    // The first statement is the roles plugin's, for logging. The log group itself is created by the stack.
    role.Policies[0].PolicyDocument.Statement[0] = {
      Effect: 'Allow',
      Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      Resource: { 'Fn::GetAtt': [logGroupId, 'Arn'] },
    };
  }

  schedulerRole(functionArns) {
    return {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { Service: ['scheduler.amazonaws.com'] },
              Action: ['sts:AssumeRole'],
              // Only for schedules of this account (confused deputy problem).
              Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
            },
          ],
        },
        Policies: [
          {
            PolicyName: 'call-scheduled-functions',
            PolicyDocument: {
              Version: '2012-10-17',
              Statement: [
                { Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: functionArns },
                { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: FAILED_EVENTS },
              ],
            },
          },
        ],
      },
    };
  }
}

module.exports = Tighten;
