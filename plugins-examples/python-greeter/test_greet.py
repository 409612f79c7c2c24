import unittest

from wit_world.imports import message

from greet import greet


class Greeting(unittest.TestCase):
    def nobody(self):
        self.fail("nobody follows")

    def test_a_text_is_greeted(self):
        text = message.Content_Text(message.Text("hi", None))
        self.assertEqual(greet(text, self.nobody), "Hello / 你好：hi")

    def test_a_new_follower_is_welcome(self):
        subscribe = message.Content_Event(message.Event_Subscribe(message.Subscribe("", None, None)))
        self.assertEqual(greet(subscribe, lambda: "Tea"), "Welcome to Tea! / 欢迎关注 Tea！")

    def test_others_are_left_alone(self):
        self.assertIsNone(greet(message.Content_Image(message.Image("http://p", "m")), self.nobody))


if __name__ == "__main__":
    unittest.main()
