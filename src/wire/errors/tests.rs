use super::*;

/// A body, what happened, details, node, parameter.
type Row = (&'static str, &'static str, &'static str, Option<&'static str>, Option<&'static str>);

const TABLE: &[Row] = &[
    (r#"{"errorMsg": "No", "errorDetails": "why", "errorType": "x"}"#, "No", "why", None, None),
    (r#"{"errorMsg": "No", "errorDetails": ["a", "b"]}"#, "No", "a\nb", None, None),
    (r#"{"errorMsg": "No", "errorDetails": null}"#, "No", "", None, None),
    (r#"{"detail": "Not Found"}"#, "Not Found", "", None, None),
    (
        r#"{"detail": [{"loc": ["body", "params"], "msg": "Field required", "type": "missing"}, {"msg": "b"}]}"#,
        "params: Field required",
        "params: Field required\nb",
        None,
        None,
    ),
    (r#"{"detail": {"errorMsg": "No"}}"#, "No", "", None, None),
    (
        r#"{"error": {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation",
            "details": ""}, "node_errors": {"3": {"class_type": "KSampler", "errors": [{"type": "value_smaller_than_min",
            "message": "Value 0 smaller than min of 1", "details": "steps", "extra_info": {"input_name": "steps"}}]}}}"#,
        "KSampler: steps: Value 0 smaller than min of 1",
        "Prompt outputs failed validation\nKSampler: steps: Value 0 smaller than min of 1",
        Some("3"),
        Some("3-inputs-steps"),
    ),
    (
        r#"{"message": {"node_errors": {"9": {"class_type": "SaveImage", "errors": [{"message": "m", "details": ""}]}}}}"#,
        "SaveImage: m",
        "SaveImage: m",
        Some("9"),
        None,
    ),
    (
        r#"{"message": {"9": {"class_type": "SaveImage", "errors": [{"message": "m"}]}}}"#,
        "SaveImage: m",
        "SaveImage: m",
        Some("9"),
        None,
    ),
    (
        r#"{"error": {"type": "no_prompt", "message": "No prompt", "details": "d"}}"#,
        "No prompt",
        "d",
        None,
        None,
    ),
    (
        r#"{"error": {"type": "invalid_prompt", "message": "Cannot execute because node NoSuchNode does not exist.",
            "details": "Node ID '#1:2'", "extra_info": {}}, "node_errors": {}}"#,
        "Cannot execute because node NoSuchNode does not exist.",
        "Node ID '#1:2'",
        Some("1:2"),
        None,
    ),
    (r#"{"error": "plain"}"#, "plain", "", None, None),
    (
        r#"{"node_id": "3", "node_type": "KSampler", "exception_message": "out of memory", "exception_type": "OOM",
            "traceback": ["a", "b"]}"#,
        "KSampler: out of memory",
        "OOM\na\nb",
        Some("3"),
        None,
    ),
    (r#"{"unknown": 1}"#, r#"{"unknown":1}"#, "", None, None),
    (r#""text""#, "text", "", None, None),
    ("{}", "", "", None, None),
    ("null", "", "", None, None),
    ("", "", "", None, None),
    ("first\nsecond", "first", "first\nsecond", None, None),
    ("a\u{1b}[2J\u{1b}]0;t\u{7}b", "ab", "", None, None),
    (
        "<html><head><title>502 Bad Gateway</title><style>p{}</style></head><body><h1>Bad &amp; ugly</h1></body>",
        "502 Bad Gateway",
        "502 Bad Gateway",
        None,
        None,
    ),
];

#[test]
fn every_known_shape_becomes_a_sentence() {
    for (body, what, details, node, param) in TABLE {
        let error = from_body(body);
        assert_eq!(error.what, *what, "{body}");
        assert!(error.details.starts_with(details), "{body}: {:?}", error.details);
        assert_eq!(error.node.as_deref(), *node, "{body}");
        assert_eq!(error.param.as_ref().map(ParamKey::as_str), *param, "{body}");
    }
}

#[test]
fn a_graph_that_is_wrong_as_a_whole_has_its_remedy() {
    let table = [
        ("prompt_no_outputs", "Prompt has no outputs", "SaveImage"),
        ("prompt_outputs_failed_validation", "Prompt outputs failed validation", "loop"),
        ("invalid_prompt", "Cannot execute because node X does not exist.", "node pack"),
        ("no_prompt", "No prompt provided", ""),
    ];
    for (kind, message, remedy) in table {
        let body = format!(
            r#"{{"error": {{"type": "{kind}", "message": "{message}", "details": ""}}, "node_errors": {{}}}}"#
        );
        let error = from_body(&body);
        assert_eq!(error.what, message);
        assert!(error.remedy.contains(remedy) && error.remedy.is_empty() == remedy.is_empty(), "{error:?}");
    }
}

#[test]
fn the_application_is_known_by_its_shapes() {
    let own = [
        r#"{"errorMsg": "No"}"#,
        r#"{"detail": "Not Found"}"#,
        r#"{"detail": [{"loc": ["body"], "msg": "m"}]}"#,
        r#"{"error": {"type": "no_prompt", "message": "No prompt", "details": ""}, "node_errors": {}}"#,
        r#"{"message": {"9": {"class_type": "SaveImage", "errors": [{"message": "m"}]}}}"#,
    ];
    assert!(own.iter().all(|body| is_of_application(body)));
    let others = [
        "",
        "Internal Server Error",
        "<html><title>524</title></html>",
        r#"{"message": "Endpoint request timed out"}"#,
        r#"{"error": "upstream"}"#,
        r#"{"detail": null}"#,
        "{}",
        "[]",
        r#"{"detail": "cut"#,
    ];
    assert!(others.iter().all(|body| !is_of_application(body)));
}

#[test]
fn an_empty_balance_has_its_remedy() {
    assert!(from_body(r#"{"errorMsg": "Insufficient balance"}"#).remedy.contains("balance"));
}

#[test]
fn what_a_server_says_is_bounded() {
    for body in [
        "x".repeat(1 << 20),
        format!("<p>{}", "y ".repeat(1 << 20)),
        format!("[\"{}\"]", "z".repeat(1 << 20)),
    ] {
        let error = from_body(&body);
        assert!(error.what.chars().count() <= WHAT_CHARS && error.details.len() <= 4 * DETAILS_CHARS);
    }
}
