'use strict';

// What functions have in common, so that the file of a domain holds only what is its own, and what layers have. A
// function may say
//
//   delivery  how its events are retried: a key of `custom.delivery`, whose values it gets unless it has its own
//   signs     true where it makes or loads artifacts: only then it may read the keys that they are signed with
//   requires  its layers by name, such as `numeric`
//   - schedule: cron(…)   in UTC, with the event that a schedule always sent
//
// and gets a dead-letter queue, the files of its own domain and of `shared`, and a role of its own without further rights.

class Defaults {
  constructor(serverless) {
    this.serverless = serverless;
    serverless.configSchemaHandler.defineFunctionProperties('aws', {
      properties: {
        delivery: { enum: Object.keys(serverless.service.custom.delivery) },
        signs: { type: 'boolean' },
        requires: { type: 'array', items: { type: 'string' } },
      },
      required: ['delivery', 'requires'],
    });
    this.hooks = { initialize: () => this.expandAll() };
  }

  expandAll() {
    const { service } = this.serverless;
    service.layers = layers(service.custom.layers, service.provider);
    for (const settings of Object.values(service.functions)) expand(settings, service.custom);
  }
}

function expand(settings, custom) {
  const { delivery, signs, requires } = settings;
  delete settings.delivery;
  delete settings.signs;
  delete settings.requires;

  const [, domain] = settings.handler.split('/');
  const rights = settings.iamRoleStatements || [];
  Object.assign(settings, { ...custom.delivery[delivery], ...settings });
  settings.destinations = { onFailure: custom.failures };
  settings.layers = requires.map((name) => ({ Ref: `${name[0].toUpperCase()}${name.slice(1)}LambdaLayer` }));
  settings.package = { patterns: patterns(domain, custom.byteCode) };
  settings.iamRoleStatements = signs ? [custom.signing.right, ...rights] : rights;
  if (signs) settings.environment = { ...custom.signing.environment, ...settings.environment };
  for (const event of settings.events || []) {
    if (event.schedule) {
      event.schedule = { method: 'scheduler', rate: [event.schedule], timezone: 'UTC', input: custom.tick };
    }
    if (event.eventBridge) {
      event.eventBridge = { ...event.eventBridge, eventBus: custom.changesBus, deadLetterQueueArn: custom.failures.arn };
    }
  }
}

function layers(descriptions, { runtime, stage }) {
  const entries = Object.entries(descriptions).map(([name, description]) => [name, {
    name: `feedkeeper-${stage}-${name}`,
    description,
    path: `layers/build/${runtime}/${name}`,
    package: { artifact: `layers/build/${runtime}/${name}.zip` },
    compatibleRuntimes: [runtime],
  }]);
  return Object.fromEntries(entries);
}

// A function's own domain and what is shared, with byte code for the runtime's Python and for no other.
function patterns(domain, byteCode) {
  const compiled = `*${byteCode}.pyc`;
  return [
    'functions/__init__.py',
    `functions/${domain}/**`,
    'shared/**',
    '!**/*.{md,yml,pyc}',
    `functions/__pycache__/${compiled}`,
    `functions/${domain}/**/${compiled}`,
    `shared/**/${compiled}`,
  ];
}

module.exports = Defaults;
