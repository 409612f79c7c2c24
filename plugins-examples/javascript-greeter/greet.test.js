import assert from 'node:assert/strict';
import { test } from 'node:test';

import { greet } from './greet.js';

const nobody = () => assert.fail('nobody follows');

test('a text is greeted', () => {
  assert.equal(greet({ tag: 'text', val: { content: 'hi' } }, nobody), 'Hello / 你好：hi');
});

test('a new follower is welcome', () => {
  const subscribe = { tag: 'event', val: { tag: 'subscribe', val: { key: '' } } };
  assert.equal(greet(subscribe, () => 'Tea'), 'Welcome to Tea! / 欢迎关注 Tea！');
});

test('others are left alone', () => {
  assert.equal(greet({ tag: 'image', val: { mediaId: 'm' } }, nobody), undefined);
});
