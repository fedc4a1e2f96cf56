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
        "<title>{{app.name}}</title><!doctype html><!-- a > b -->x<br/>",
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
