'use strict';

// Adds the settings that all functions or all layers have in common, so that the file of a domain holds only what is
// specific to it. In addition to the settings of osls, a function has
//
//   delivery  how its events are retried: a key of `custom.delivery`, whose values are its defaults
//   signs     true where it writes or loads artifacts: it may then read the keys that artifacts are signed with
//   requires  names of its layers, such as `numeric`
//
// and its schedules may be written as `- schedule: cron(…)`, in UTC. Every function gets a dead-letter queue, a package
// with the files of its own domain and of `shared` and the options of all domains, and a role of its own with the rights
// that it names and no others.

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
    if (service.custom.login) addLogin(service, service.custom.login);
  }
}

// Has members of the console log in with an OpenID Connect provider: the gateway checks the ID token with which a session
// begins.
function addLogin({ provider, functions }, { issuer, clientId, authorizeUrl, tokenUrl }) {
  const authorizer = { type: 'jwt', identitySource: '$request.header.Authorization', issuerUrl: issuer, audience: [clientId] };
  provider.httpApi = { ...provider.httpApi, authorizers: { members: authorizer } };
  const { serveConsole } = functions;
  serveConsole.events.push({ httpApi: { method: 'POST', path: '/console/session', authorizer: { name: 'members' } } });
  const variables = { OIDC_CLIENT_ID: clientId, OIDC_AUTHORIZE_URL: authorizeUrl, OIDC_TOKEN_URL: tokenUrl };
  Object.assign(serveConsole.environment, variables);
}

function expand(settings, custom) {
  const { delivery, signs, requires } = settings;
  delete settings.delivery;
  delete settings.signs;
  delete settings.requires;

  const folder = settings.handler.split('/handlers/')[0];
  const rights = settings.iamRoleStatements || [];
  Object.assign(settings, { ...custom.delivery[delivery], ...settings });
  settings.destinations = { onFailure: custom.failures };
  settings.layers = requires.map((name) => ({ Ref: `${name[0].toUpperCase()}${name.slice(1)}LambdaLayer` }));
  settings.package = { patterns: patterns(folder, custom.byteCode) };
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

// Files of a function's package: its own folder, a domain or the console, which shows what all domains store and
// corrects topics, and `shared`; of the other domains their options, which every function checks; with byte code for the
// runtime's version of Python only.
function patterns(folder, byteCode) {
  const compiled = `*${byteCode}.pyc`;
  const folders = folder === 'console' ? ['console', 'functions/*/store', 'functions/topics'] : [folder];
  return [
    'functions/__init__.py',
    'functions/*/__init__.py',
    'functions/*/options.py',
    ...folders.map((name) => `${name}/**`),
    'shared/**',
    '!**/*.pyc',
    '!**/*.yml',
    '!**/*.md',
    `functions/__pycache__/${compiled}`,
    `functions/*/__pycache__/{__init__,options}${compiled}`,
    ...folders.map((name) => `${name}/**/${compiled}`),
    `shared/**/${compiled}`,
  ];
}

module.exports = Defaults;
