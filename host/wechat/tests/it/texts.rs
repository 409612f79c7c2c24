//! What the text of an XML element is.

use weft_wechat::message::{ParseError, fields};

fn text(inside: &str) -> Result<String, ParseError> {
    let fields = fields(&format!("<xml><T>{inside}</T></xml>"))?;
    assert_eq!(fields.len(), 1);
    Ok(fields.into_iter().next().unwrap().value)
}

#[test]
fn cdata_is_kept_as_it_is() {
    for inside in ["", " ", " a\n ", "<b>&amp;</b>", "]]", "\u{3000}x\u{3000}", "\r\n"] {
        assert_eq!(text(&format!("<![CDATA[{inside}]]>")).unwrap(), inside);
    }
}

#[test]
fn plain_text_loses_the_white_space_around_it() {
    assert_eq!(text("\n  a  b\t\r\n").unwrap(), "a  b");
    assert_eq!(text(" \n ").unwrap(), "");
    assert_eq!(text("\u{3000}a\u{3000}").unwrap(), "\u{3000}a\u{3000}");
}

#[test]
fn white_space_around_cdata_is_layout() {
    assert_eq!(text("\n  <![CDATA[ a ]]>\n  ").unwrap(), " a ");
}

#[test]
fn pieces_are_joined() {
    assert_eq!(text("1<!-- -->01").unwrap(), "101");
    assert_eq!(text("1<![CDATA[0]]>1").unwrap(), "101");
    assert_eq!(text("<![CDATA[a]]]]><![CDATA[>b]]>").unwrap(), "a]]>b");
    assert_eq!(text(" a <!-- x --> b ").unwrap(), "a  b");
    assert_eq!(text("<![CDATA[a ]]> b ").unwrap(), "a  b");
}

#[test]
fn references_are_resolved() {
    assert_eq!(text("a&amp;b&lt;c&gt;d&quot;e&apos;f").unwrap(), "a&b<c>d\"e'f");
    assert_eq!(text("&#60;&#x4F60;&#x1f600;").unwrap(), "<你😀");
    assert_eq!(text(" &#32; ").unwrap(), " ");
    assert_eq!(text("&amp;lt;").unwrap(), "&lt;");
}

#[test]
fn references_to_anything_else_are_refused() {
    assert_eq!(text("&nbsp;"), Err(ParseError::UnknownEntity));
    for inside in ["&#0;", "&#x8;", "&#xFFFE;", "&#xD800;", "&#x110000;", "&#;", "&;", "&", "a & b", "&lt"] {
        let error = text(inside).expect_err(inside);
        let expected = [ParseError::Malformed, ParseError::UnknownEntity];
        assert!(expected.contains(&error), "{inside}: {error:?}");
    }
}

#[test]
fn text_beside_children_is_dropped() {
    let fields = fields("<xml><A>x<B>1</B>y&amp;<![CDATA[z]]></A></xml>").unwrap();
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].path, "A/B");
    assert_eq!(fields[0].value, "1");
}

#[test]
fn a_byte_order_mark_declaration_and_comments_are_passed_over() {
    for before in [
        "\u{feff}",
        "<?xml version=\"1.0\"?>",
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- hello -->\n",
        "<?xml version=\"1.0\" encoding=\"GBK\"?>",
        "\n   ",
    ] {
        let body = format!("{before}<xml a='1'><T b=\"2\">你</T></xml>\n<!-- bye -->\n");
        assert_eq!(fields(&body).expect(before)[0].value, "你");
    }
}
