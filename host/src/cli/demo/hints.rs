//! What to try while the demo runs.

use std::path::Path;

use super::{ORIGINAL_ID, TOKEN};

pub(super) fn hints(base: &str, token: &str, plugins: &Path) -> String {
    let plugins = plugins.display();
    format!(
        r#"
● Everything runs until you press Ctrl-C · 按 Ctrl-C 结束
  admin API · 管理接口   {base}/api/v1/
  its token · 访问令牌   {token}
  plugins   · 插件目录   {plugins}

Try, in bash or zsh; the others use the first · 试一试：在 bash 或 zsh 中执行，后面的命令会用到第一条

  api() {{ curl -s -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' "$@"; echo; }}

  # your own message, signed as WeChat does · 自己发一条消息
  say() {{ t=$(date +%s); n=$RANDOM$RANDOM; s=$(printf '%s\n' {TOKEN} $t $n | LC_ALL=C sort | tr -d '\n' | sha1sum | cut -c1-40); curl -s "{base}/wechat/demo/?signature=$s&timestamp=$t&nonce=$n" -d "<xml><ToUserName>{ORIGINAL_ID}</ToUserName><FromUserName>oMe</FromUserName><CreateTime>$t</CreateTime><MsgType>text</MsgType><Content>$1</Content><MsgId>$t$RANDOM</MsgId></xml>"; echo; }}
  say hi

  # a rule of your own, and a message that it answers · 加一条自动回复
  api {base}/api/v1/apps/demo/handlers -d '{{"name":"price","rules":[{{"type":"regex","pattern":"price|价格"}}],"replies":[{{"type":"text","content":"9.9"}}]}}'
  say 价格

  # why a message is answered by this handler and not by the others · 为什么由它回复
  api {base}/api/v1/apps/demo/handlers/test -d '{{"message":{{"type":"text","content":"price"}}}}'

  # who follows or wrote, and what was said · 用户和消息日志
  api {base}/api/v1/apps/demo/users
  api '{base}/api/v1/apps/demo/message-logs?limit=5'
  api '{base}/api/v1/apps/demo/message-logs/export?format=csv'

  # all rules as a file, to keep or to give to another app · 导出全部自动回复
  api '{base}/api/v1/apps/demo/handlers/export?format=yaml'

  # change plugins-examples/greeter/src/lib.rs, then build and drop it · 修改示例插件后重新放入
  cargo run -- plugin build plugins-examples/greeter --install --plugins-dir {plugins}

  # let the other handler answer what no rule matches · 换一个处理函数
  api -X PATCH {base}/api/v1/apps/demo -d '{{"message_handler":"greeter/vip"}}'
  say hi
"#
    )
}

/// The number of the order that the hints are about.
pub(super) const NUMBER: &str = "PEAR-0001";

/// What to try with money. `page` is where that order is paid.
pub(super) fn payments(base: &str, shop: &str, page: &str) -> String {
    let orders = format!("{base}/api/v1{}", super::shop::ORDERS);
    format!(
        r#"
  # sell something: open this page, scan or open what it shows, and press Pay · 收款：打开商店页面，扫码并支付
  {shop}

  # the same by hand: an order, its QR code, a user who pays, and what became of it · 用命令行收款
  api {orders} -d '{{"out_trade_no":"{NUMBER}","body":"a pear","total_fee":101,"trade_type":"NATIVE"}}'
  api '{orders}/{NUMBER}/qrcode?format=png' -o pear.png
  curl -X POST {page}
  api {orders}/{NUMBER}/events

  # give some of it back · 退款
  api {orders}/{NUMBER}/refunds -d '{{"refund_fee":1,"reason":"too small"}}'
"#
    )
}
