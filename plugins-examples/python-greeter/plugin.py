"""The exports of the plugin. Names are those of wit/; a case of a variant is a class of its own."""

from componentize_py_types import Err
from wit_world.exports.manifest import Asks, Description, Entry
from wit_world.imports import context, log, reply, types

from greet import greet


class Manifest:
    def describe(self):
        return Description(
            name="python-greeter",
            version="0.1.0",
            description="Greets whoever writes, in Python",
            handlers=[Entry("greet", "Answers texts and new followers.", apps=[], options=[])],
            rules=[],
            hooks=[],
            observers=[],
            pages=[],
            asks=Asks(http_hosts=[], wechat_apis=[], kv=False, users=False, orders=[]),
            config_schema=None,
            sdk="componentize-py",
            options=[],
        )


class Handlers:
    def handle(self, handler, message):
        log.write(log.Level.INFO, "somebody wrote", [("openid", message.sender)])
        # A raised Err is the handler's error; any other exception ends the call.
        if handler != "greet":
            raise Err(types.Error_NotFound(f"there is no handler {handler}"))
        text = greet(message.content, lambda: context.current_app().title)
        return reply.Reply_Text(text) if text else None
