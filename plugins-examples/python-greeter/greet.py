"""What the greeter answers."""

from wit_world.imports import message


def greet(content, title):
    """The text that answers a message, if any. `title` is asked only when somebody follows."""
    match content:
        case message.Content_Text(text):
            return f"Hello / 你好：{text.content}"
        case message.Content_Event(message.Event_Subscribe()):
            return f"Welcome to {title()}! / 欢迎关注 {title()}！"
    return None
