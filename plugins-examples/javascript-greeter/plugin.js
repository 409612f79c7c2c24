// The exports of the plugin. Names are those of wit/, in camelCase; a variant is {tag, val}.

import { currentApp } from 'weft:plugin/context@1.0.0';
import { write } from 'weft:plugin/log@1.0.0';
import { greet } from './greet.js';

export const manifest = {
  describe: () => ({
    name: 'javascript-greeter',
    version: '0.1.0',
    description: 'Greets whoever writes, in JavaScript',
    handlers: [{ name: 'greet', description: 'Answers texts and new followers.', apps: [], options: [] }],
    rules: [],
    hooks: [],
    observers: [],
    pages: [],
    asks: { httpHosts: [], wechatApis: [], kv: false, users: false, orders: [] },
    configSchema: undefined,
    sdk: 'javascript',
    options: [],
  }),
};

export const handlers = {
  handle(handler, message) {
    write('info', 'somebody wrote', [['openid', message.sender]]);
    // What is thrown as one of the cases of `error` is the handler's error; anything else ends the call.
    if (handler !== 'greet') throw { tag: 'not-found', val: `there is no handler ${handler}` };
    const text = greet(message.content, () => currentApp().title);
    return text && { tag: 'text', val: text };
  },
};
