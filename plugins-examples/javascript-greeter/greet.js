// What the greeter answers, without anything of the host: `npm test` runs it as it is.

/** The text that answers a message, if any. `title` is asked only when somebody follows. */
export function greet(content, title) {
  if (content.tag === 'text') return `Hello / 你好：${content.val.content}`;
  if (content.tag === 'event' && content.val.tag === 'subscribe') {
    return `Welcome to ${title()}! / 欢迎关注 ${title()}！`;
  }
}
