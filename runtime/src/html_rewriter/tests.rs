//! Tests of both passes together.

use super::*;

fn handlers(json: &str) -> Vec<Handlers> {
    serde_json::from_str(json).unwrap()
}

/// Rewrites `pieces`, with the changes that `decide` has for each token as JSON text.
fn rewrite(specification: &str, pieces: &[&str], decide: impl Fn(&str) -> &'static str) -> String {
    let mut rewriter = Rewriter::new(&handlers(specification), "utf-8").unwrap();
    let mut output = Vec::new();
    let pieces = pieces.iter().map(|piece| Some(piece.as_bytes().to_vec())).chain([None]);
    for piece in pieces {
        let tokens = rewriter.find(piece).unwrap();
        let edits = tokens.iter().enumerate().map(|(at, token)| {
            let text = decide(&serde_json::to_string(token).unwrap());
            (at, serde_json::from_str(if text.is_empty() { "[]" } else { text }).unwrap())
        });
        rewriter.apply(edits.collect()).unwrap();
        output.extend(rewriter.take_output());
    }
    String::from_utf8(output).unwrap()
}

#[test]
fn tokens_have_what_handlers_read() {
    let all = r#"[{"selector":"p","element":true,"text":true,"comments":true},
        {"doctype":true,"end":true}]"#;
    let mut rewriter = Rewriter::new(&handlers(all), "utf-8").unwrap();
    let html = "<!doctype html><p CLASS=a id>x<!--c--></p>";
    let tokens = rewriter.find(Some(html.as_bytes().to_vec())).unwrap();
    let json: Vec<String> = tokens.iter().map(|token| serde_json::to_string(token).unwrap()).collect();
    assert_eq!(
        json,
        [
            r#"{"by":[1],"kind":"doctype","name":"html","publicId":null,"systemId":null}"#,
            concat!(
                r#"{"by":[0],"kind":"element","number":0,"name":"p","#,
                r#""namespace":"http://www.w3.org/1999/xhtml","#,
                r#""attributes":[["class","a"],["id",""]],"hasContent":true}"#
            ),
            r#"{"by":[0],"kind":"text","text":"x","last":false}"#,
            r#"{"by":[0],"kind":"text","text":"","last":true}"#,
            r#"{"by":[0],"kind":"comment","text":"c"}"#,
            r#"{"by":[0],"kind":"endTag","name":"p"}"#,
        ]
    );
    rewriter.apply(Vec::new()).unwrap();
    assert_eq!(rewriter.take_output(), html.as_bytes());
    let end = rewriter.find(None).unwrap();
    assert_eq!(serde_json::to_string(&end).unwrap(), r#"[{"by":[1],"kind":"end"}]"#);
}

#[test]
fn a_token_of_several_handlers_is_one() {
    let two = r#"[{"selector":"p","element":true},{"selector":"*","element":true}]"#;
    let out = rewrite(two, &["<p>a</p><b>c</b>"], |token| {
        if token.contains(r#""by":[0,1],"kind":"element""#) {
            r#"[{"op":"before","text":"<","html":false},{"op":"set","name":"id","text":"\"x"}]"#
        } else {
            ""
        }
    });
    assert_eq!(out, r#"&lt;<p id="&quot;x">a</p><b>c</b>"#);
}

#[test]
fn changes_are_the_same_wherever_the_input_is_cut() {
    let html = r#"<!doctype html><ul class="l"><li>one &amp; <b>two</b><li>three</ul><p>end<!--note--></p>"#;
    let specification = r#"[{"selector":"li","element":true},{"selector":"b","element":true},
        {"selector":"p","element":true,"comments":true},{"doctype":true,"end":true}]"#;
    let decide = |token: &str| {
        for (part, edits) in [
            (r#""name":"b""#, r#"[{"op":"name","text":"strong"},{"op":"append","text":"!","html":false}]"#),
            (r#""name":"li""#, r#"[{"op":"prepend","text":"- ","html":true}]"#),
            (r#""kind":"comment""#, r#"[{"op":"replace","text":"<i>n</i>","html":true}]"#),
            (r#""kind":"end"}"#, r#"[{"op":"append","text":"<!--z-->","html":true}]"#),
        ] {
            if token.contains(part) && !token.contains("endTag") {
                return edits;
            }
        }
        ""
    };
    let expected = concat!(
        r#"<!doctype html><ul class="l"><li>- one &amp; <strong>two!</strong><li>- three</ul>"#,
        r#"<p>end<i>n</i></p><!--z-->"#
    );
    assert_eq!(rewrite(specification, &[html], decide), expected);
    for at in 1..html.len() {
        let (first, second) = html.split_at(at);
        assert_eq!(rewrite(specification, &[first, second], decide), expected, "cut at {at}");
    }
}

#[test]
fn end_tags_are_edited_if_their_element_asks() {
    let one = r#"[{"selector":"p","element":true}]"#;
    let out = rewrite(one, &["<p>a", "b</p>c"], |token| {
        if token.contains("endTag") {
            r#"[{"op":"before","text":"<br>","html":true},{"op":"name","text":"q"}]"#
        } else {
            r#"[{"op":"watchEnd"}]"#
        }
    });
    assert_eq!(out, "<p>ab<br></q>c");
}

#[test]
fn bad_selectors_and_encodings_are_errors() {
    assert!(selector_error("p > a[href^='x']").is_none());
    assert!(selector_error("p + a").is_some());
    assert!(Rewriter::new(&handlers(r#"[{"selector":"p:has(a)"}]"#), "utf-8").is_err());
    assert!(Rewriter::new(&[], "utf-16").is_err());
    assert!(Rewriter::new(&[], "no such").is_err());
}

#[test]
fn memory_is_bounded_and_an_error_ends_the_document() {
    let mut rewriter = Rewriter::new(&handlers(r#"[{"selector":"p","element":true}]"#), "utf-8").unwrap();
    let tag = format!("<p title=\"{}", "x".repeat(1 << 20)).into_bytes();
    rewriter.find(Some(tag.clone())).unwrap();
    let error = (0..4).find_map(|_| rewriter.find(Some(tag.clone())).err()).unwrap();
    assert!(error.contains("memory limit"), "{error}");
    assert!(rewriter.find(None).is_err());
}
