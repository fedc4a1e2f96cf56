use super::super::kinds::{Kind, sample};
use super::*;

fn rendered(part: Part, text: &str) -> Result<String, String> {
    parse(Kind::PasswordChanged, part, text).map(|template| template.render(&sample(Kind::PasswordChanged)).expect("short"))
}

#[test]
fn values_are_put_in_and_conditions_choose() {
    assert_eq!(rendered(Part::Text, "Hi {{ user.first_name }}!").as_deref(), Ok("Hi Ada!"));
    assert_eq!(rendered(Part::Text, "{{#if app.name}}a{{else}}b{{/if}}{{#if app.logo_url}}c{{else}}d{{/if}}").as_deref(), Ok("ad"));
    assert_eq!(rendered(Part::Html, "<p>{{#if app.name}}<b>{{app.name}}</b>{{/if}}</p>").as_deref(), Ok("<p><b>Acme</b></p>"));
    assert_eq!(rendered(Part::Text, "{ {} } }} {").as_deref(), Ok("{ {} } }} {"));
}

/// CVE-2026-25227: a template was code. Here it can do nothing but name values.
#[test]
fn a_template_computes_nothing() {
    for text in [
        "{{7*7}}",
        "{{ 7*7 }}",
        "{{config}}",
        "{{self}}",
        "{{app}}",
        "{{app.name.constructor}}",
        "{{app['name']}}",
        "{{app.__proto__}}",
        "{{#each users}}x{{/each}}",
        "{{> other}}",
        "{{{app.name}}}",
        "{{&app.name}}",
        "{{!comment}}",
        "{{app.name|upper}}",
        "{{ env.INSULA_MASTER_KEY }}",
        "{{otp_code}}",
        "{{}}",
        "{{#if}}x{{/if}}",
        "{{#if 1}}x{{/if}}",
        "{{/if}}",
        "{{else}}",
        "{{#if app.name}}x",
        "{{#if app.name}}x{{else}}y",
        "{{#if app.name}}x{{else}}y{{else}}z{{/if}}",
        "{{app.name",
        "{{app.name}",
    ] {
        assert!(rendered(Part::Text, text).is_err(), "{text}");
    }
    for harmless in ["{% for x in range(1000000) %}", "${7*7}", "<%= 7*7 %>", "#{7*7}", "{%include 'x'%}"] {
        assert_eq!(rendered(Part::Text, harmless).as_deref(), Ok(harmless), "mere text");
    }
    let deep = format!("{}x{}", "{{#if app.name}}".repeat(5), "{{/if}}".repeat(5));
    assert!(rendered(Part::Text, &deep).is_err());
    assert!(rendered(Part::Text, &"x".repeat(12 * 1_024 + 1)).is_err());
    assert!(rendered(Part::Subject, "a\nb").is_err());
}

#[test]
fn what_is_rendered_is_bounded() {
    let mut values = sample(Kind::PasswordChanged);
    values.set("app.name", "&".repeat(500));
    let text = "{{app.name}}".repeat(3_000);
    assert!(parse(Kind::PasswordChanged, Part::Html, &text).expect("it reads").render(&values).is_none());
}

/// CVE-2024-41953, CVE-2024-28855: markup in names reached mails.
#[test]
fn markup_in_a_value_stays_text() {
    let mut values = sample(Kind::PasswordChanged);
    values.set("app.name", "<script>alert(1)</script> & \"x\" 'y' {{user.first_name}}".to_owned());
    let html = |text: &str| parse(Kind::PasswordChanged, Part::Html, text).expect("it reads").render(&values).expect("short");
    assert_eq!(html("<p>{{app.name}}</p>"), "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot; &#39;y&#39; {{user.first_name}}</p>");
    assert!(!html("<img alt=\"{{app.name}}\">").contains("\"x\""));
    assert!(!html("<img alt='{{app.name}}'>").contains("'y'"));
}

#[test]
fn values_stand_only_where_they_can_be_escaped() {
    for good in [
        "<p title=\"{{app.name}}\">{{app.name}}</p>",
        "<img src=\"{{app.logo_url}}\" alt='{{app.name}}'>",
        "<a href=\"https://acme.example\">x</a><a href='mailto:help@acme.example'>y</a>",
        "<td style=\"color:{{app.color}};padding:0\">x</td>",
        "<style>.a{color:{{app.color}}} @media (prefers-color-scheme: dark){p>b{color:#fff}}</style>",
        "<style>/* ours */ .a{background:URL( 'https://x.example/a.png' )} .b{background:url(data:image/png;base64,AA==)}</style>",
        "<td style=\"background:url(https://x.example/a.png?b=1&amp;c=2);font-family:&quot;Helvetica Neue&quot;\">x</td>",
        "<title>{{app.name}}</title><!doctype html>x<br/>",
        "<table width=100% cellpadding=0 hidden><tr><td align=center>x</table>",
    ] {
        rendered(Part::Html, good).unwrap_or_else(|e| panic!("{good}: {e}"));
    }
    for bad in [
        "<p title={{app.name}}>x</p>",
        "<p {{app.name}}>x</p>",
        "<{{app.name}}>",
        "<a href=\"{{app.name}}\">x</a>",
        "<a href=\"https://x.example/{{app.name}}\">x</a>",
        "<a href=\"javascript:{{app.logo_url}}\">x</a>",
        "<p style=\"color:{{app.name}}\">x</p>",
        "<style>p{color:{{app.name}}}</style>",
        "<!-- {{app.name}} -->",
        "<p {{#if app.name}}hidden{{/if}}>x</p>",
        "<p title=\"{{#if app.name}}x{{/if}}\">x</p>",
        "<p title=\"x",
        "<p",
        "a < b",
    ] {
        assert!(rendered(Part::Html, bad).is_err(), "{bad}");
    }
}

#[test]
fn nothing_that_runs_loads_or_sends_can_stand_in_a_mail() {
    for bad in [
        "<script>alert(1)</script>",
        "<SCRIPT src=https://x.example></SCRIPT>",
        "<img src=x onerror=alert(1)>",
        "<img src=\"https://x.example/a.png\" onerror=alert(1)>",
        "<p/onclick=alert(1)>x</p>",
        "<a href=javascript:alert(1)>x</a>",
        "<a href=\"&#106;avascript:alert(1)\">x</a>",
        "<a href=\" java\tscript:alert(1)\">x</a>",
        "<a href=\"data:text/html,x\">x</a>",
        "<iframe src=\"https://x.example\"></iframe>",
        "<form action=\"https://x.example\"><input></form>",
        "<base href=\"https://x.example\">",
        "<meta http-equiv=\"refresh\" content=\"0;url=https://x.example\">",
        "<link rel=stylesheet href=\"https://x.example\">",
        "<style>a{background:url(javascript:1)}</style>",
        "<style>a{background:url( \"JavaScript:1\")}</style>",
        "<style>a{background:url(vbscript:1)}</style>",
        "<style>a{background:url(data:text/html,x)}</style>",
        "<style>a{background:url(//x.example)}</style>",
        "<style>a{background:u\\72l(javascript:1)}</style>",
        "<style>a{background:url(java/**/script:1)}</style>",
        "<style>a{background:u/**/rl(/**/javascript:1)}</style>",
        "<style>a{background:url(/* https://x.example */javascript:1)}</style>",
        "<style>a{background:image-set('javascript:1')}</style>",
        "<style>@import 'https://x.example/a.css';</style>",
        "<style>@imp/**/ort url(https://x.example/a.css);</style>",
        "<style>a{width:expression (alert(1))}</style>",
        "<style>/* a{background:url(https://x.example)}</style>",
        "<style>a{background:url({{app.color}})}</style>",
        "<p style=\"background:url(javascript:1)\">x</p>",
        "<p style=\"background:&#117;rl(javascript:1)\">x</p>",
        "<p style='background:url(&quot;javascript:1&quot;)'>x</p>",
        "<p style=background:url(javascript:1)>x</p>",
        "<svg onload=alert(1)>",
        "<object data=x>",
        "<embed src=x>",
        "<style>a{}</style><script>",
        "<title></title><script>",
        "<!-- --><script>",
    ] {
        assert!(rendered(Part::Html, bad).is_err(), "{bad}");
    }
}

/// Ways in which readers of HTML have been misled about where a tag, a comment or an element's text ends.
const BYPASSES: [&str; 40] = [
    "<!--><script>alert(1)</script>-->",
    "<!---><script>alert(1)</script>-->",
    "<!-- --!><script>alert(1)</script>-->",
    "<!-- ><script>alert(1)</script> -->",
    "<!-- <!-- --><script>alert(1)</script> -->",
    "<!--[if mso]><script>alert(1)</script><![endif]-->",
    "<!--[if !mso]><!--><p>x</p><!--<![endif]-->",
    "<!-->",
    "<!>",
    "<!x><script>",
    "<!-x>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<!doctype<script>",
    "<!doctype html <script>alert(1)</script>>",
    "<!doctyp html>",
    "<?xml version=\"1.0\"?><script>",
    "<?php echo 1 ?>",
    "<title></titlex><script>alert(1)</script></title>",
    "<title></titl></title>",
    "<title><script>alert(1)</script></title>",
    "<title></title/onclick=x><script>",
    "<title></title\u{a0}><script>alert(1)</script></title>",
    "<title>x</ title><script></title>",
    "<style></stylex><script>alert(1)</script></style>",
    "<style></style-><script></style>",
    "<style><!--</style><script>alert(1)</script>--></style>",
    "<style>a{}</style x=\"></style><script>\">",
    "<textarea></textarea>",
    "<xmp><p title=\"</xmp><script>\"></xmp>",
    "<noscript><p title=\"</noscript><script>alert(1)</script>\"></noscript>",
    "<plaintext>",
    "<svg><style><script>alert(1)</script></style></svg>",
    "<math><mtext></mtext></math>",
    "<//p title=\"><script>\">",
    "</><script>",
    "<p\u{a0}onclick=alert(1)>x</p>",
    "<p title=a\u{2003}title=\"{{app.name}}\">x</p>",
    "<p title=a`b onclick=alert(1)>x</p>",
    "<p title=a\"b>x</p>",
    "<a href=\"data:image/svg+xml,<svg onload=alert(1)>\">x</a>",
];

/// CVE-2021-23648, CVE-2020-26870 and CVE-2024-47875 are sanitizers that read markup in another way than the reader behind them.
#[test]
fn what_readers_disagree_about_is_refused() {
    for bad in BYPASSES {
        assert!(rendered(Part::Html, bad).is_err(), "{bad}");
        assert!(rendered(Part::Html, &format!("<html><body>{bad}</body></html>")).is_err(), "{bad}");
        assert!(rendered(Part::Html, &bad.replace("script", "b").replace("alert(1)", "{{app.name}}")).is_err(), "{bad} with harmless words");
    }
    for good in [
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\"><html></html>",
        "<!doctype html>\n<html lang=en><head><title>a &lt; b</title ><style>p > b { color: red }</style\n></head></html>",
        "<p title='a > b' class=x-1>1 > 0 — ok</p><br/><br />",
        "<a href=\"https://x.example/?a=b&c='d'\">x</a>",
    ] {
        assert!(rendered(Part::Html, good).is_ok(), "{good}: {:?}", rendered(Part::Html, good));
    }
}

/// Pieces that are put together at random. Whatever is taken is read once more, by rules of the WHATWG's that are written down here on their own: every `<`
/// begins a tag of a mail or a doctype, and outside of tags and raw text there is nothing but text.
#[test]
fn whatever_is_taken_holds_nothing_but_tags_of_mails() {
    const PIECES: [&str; 40] = [
        "<",
        ">",
        "/",
        "!",
        "-",
        "--",
        "<!--",
        "-->",
        "--!>",
        "<p",
        "</p",
        "<b>",
        "</b>",
        "<title>",
        "</title",
        "<style>",
        "</style",
        "x",
        " ",
        "\n",
        "=",
        "\"",
        "'",
        "`",
        "onclick",
        "href",
        "title",
        "https://a.example",
        "javascript:x",
        "<script>",
        "</script>",
        "<![CDATA[",
        "]]>",
        "<!doctype html>",
        "&lt;",
        "{{app.name}}",
        "\u{a0}",
        "<a href=\"",
        "<img alt='",
        "?",
    ];
    let mut chance = foundation::random::Seeded::new(11);
    let chance: &mut dyn foundation::Random = &mut chance;
    let mut taken = 0;
    for _ in 0..200_000 {
        let bytes = chance.bytes::<9>();
        let text: String = bytes[1..=usize::from(bytes[0] % 8 + 1)].iter().map(|byte| PIECES[usize::from(*byte) % PIECES.len()]).collect();
        if let Ok(html) = rendered(Part::Html, &text) {
            taken += 1;
            let tags = tags(&html).unwrap_or_else(|fault| panic!("{fault}: {text:?}"));
            assert!(tags.iter().all(|tag| ["p", "b", "title", "style", "a", "img", "!doctype"].contains(&tag.as_str())), "{text:?}: {tags:?}");
        }
    }
    assert!(taken > 5_000, "{taken}");
}

/// The tags of a text, by the WHATWG's tokenizer as far as it matters here.
fn tags(html: &str) -> Result<Vec<String>, &'static str> {
    let (mut rest, mut tags) = (html, Vec::new());
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if rest.starts_with("!--") || rest.starts_with('?') {
            return Err("a comment");
        }
        let name: String = rest.strip_prefix('/').unwrap_or(rest).chars().take_while(|c| !matches!(c, ' ' | '\n' | '/' | '>')).collect();
        tags.push(name.to_ascii_lowercase());
        let (mut quote, mut end, mut value) = (None, None, false);
        for (index, c) in rest.char_indices() {
            match (quote, c) {
                (Some(open), c) if open == c => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') if value => quote = Some(c),
                (None, '>') => {
                    end = Some(index);
                    break;
                }
                (None, _) => {}
            }
            value = c == '=' || (value && matches!(c, ' ' | '\n'));
        }
        let closing = rest.starts_with('/');
        rest = &rest[end.ok_or("a tag without an end")? + 1..];
        if !closing && ["title", "style"].contains(&name.as_str()) {
            let end = format!("</{name}");
            let ends = |at: usize| rest[at + end.len()..].starts_with([' ', '\n', '/', '>']);
            let at = rest.match_indices(&end).map(|(at, _)| at).find(|at| ends(*at)).ok_or("a raw text without an end")?;
            rest = &rest[at..];
        }
    }
    Ok(tags)
}
