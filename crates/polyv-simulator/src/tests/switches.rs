//! Session links and the chat moderation switch; where a `POST` may have its parameters.

use super::*;

const ID: &str = "w11V61QWoK3332313778613940858739";
const ONE: &str = "channels: [{id: 1}, {id: 2, exists_in_account: other}, {id: 3, life: offline}]";

fn ids(simulator: &Simulator) -> Vec<String> {
    simulator
        .written_state("1")
        .unwrap()
        .external_session_ids
        .into()
}

/// The same parameters and their sign, in the query as far as it goes and then in a form.
fn with_form(request: &Request, in_query: usize) -> Request {
    let pairs: Vec<&str> = request.query.split('&').collect();
    let (query, form) = pairs.split_at(in_query);
    Request::post(
        &format!("{}?{}", request.path, query.join("&")),
        "application/x-www-form-urlencoded; charset=UTF-8",
        form.join("&"),
    )
}

#[tokio::test(start_paused = true)]
async fn external_id_has_exactly_32_utf16_units() {
    let simulator = simulator(ONE);
    let link = |id: &str| {
        tell(
            &simulator,
            RELEVANCE,
            &format!("channelId=1&externalSessionId={id}"),
            "null",
        )
    };
    for (id, good) in [
        ("a".repeat(31), false),
        ("a".repeat(32), true),
        ("a".repeat(33), false),
        ("频".repeat(32), true),
        ("😀".repeat(16), true),
        ("😀".repeat(32), false),
    ] {
        let answer = link(&id);
        if good {
            assert_eq!(answer["data"], true, "{id}: {answer}");
        } else {
            let words = "param length is incorrect: externalSessionId";
            assert_eq!(refused(&answer), words, "{id}");
        }
    }
    assert_eq!(ids(&simulator).len(), 3);
    assert_eq!(ids(&simulator).last().unwrap(), &"😀".repeat(16));
    let words = "param should not be empty: externalSessionId";
    assert_eq!(refused(&link("")), words);
    let answer = tell(&simulator, RELEVANCE, "channelId=1", "");
    assert_eq!(refused(&answer), words);
}

#[tokio::test(start_paused = true)]
async fn channel_need_not_be_live_but_must_be_the_callers() {
    let simulator = simulator(ONE);
    for (channel, good) in [(3, true), (2, false), (99, false)] {
        let parameters = format!("channelId={channel}&externalSessionId={ID}");
        let answer = tell(&simulator, RELEVANCE, &parameters, "null");
        if good {
            assert_eq!(answer["data"], true);
        } else {
            assert_eq!(refused(&answer), "illegal channel id");
        }
    }
    let unknown = UnknownChannel("99".to_owned());
    assert_eq!(simulator.written_state("99"), Err(unknown));
}

#[tokio::test(start_paused = true)]
async fn parameters_may_stand_in_the_query_in_a_form_or_in_both() {
    for in_query in 0..=5 {
        let simulator = simulator(ONE);
        let parameters = format!("channelId=1&externalSessionId={ID}");
        let request = signed(&simulator, RELEVANCE, &parameters);
        let answer = json_response(&simulator, &with_form(&request, in_query));
        assert_eq!(answer["data"], true, "{in_query}: {answer}");
        assert_eq!(ids(&simulator), [ID]);
        let log = simulator.requests();
        assert_eq!(log[0].endpoint, "session_relevance");
        assert_eq!(log[0].channel_id.as_deref(), Some("1"), "{in_query}");
        assert_eq!((&*log[0].outcome, log.len()), ("ok", 1));
    }
}

#[tokio::test(start_paused = true)]
async fn parameter_in_both_places_and_forged_form_are_refused() {
    let simulator = simulator(ONE);
    let request = signed(&simulator, CENSOR_UPDATE, "channelId=1&enabled=Y");
    let target = format!("{CENSOR_UPDATE}?{}", request.query);
    let form = "application/x-www-form-urlencoded";
    for (body, words) in [
        ("enabled=Y", "param validate error"),
        ("another=1", "invalid signature."),
    ] {
        let answer = json_response(&simulator, &Request::post(&target, form, body));
        assert_eq!(refused(&answer), words, "{body}");
    }
    let undecodable = simulator.handle(&Request::post(&target, form, "a=%zz"));
    assert_eq!(undecodable.response().unwrap().status, 400);
    assert_eq!(simulator.requests().last().unwrap().outcome, "undecodable");
    // A form means nothing to an operation that takes none.
    let mut get = signed(&simulator, STREAM_INFO, "channelId=1");
    get.body = b"channelId=2".to_vec();
    let value = form.parse().unwrap();
    get.headers.insert("content-type", value);
    assert_eq!(json_response(&simulator, &get)["code"], 200);
    assert!(!simulator.written_state("1").unwrap().chat_moderation);
}

#[tokio::test(start_paused = true)]
async fn body_other_than_a_form_must_be_empty() {
    let simulator = simulator(ONE);
    let request = signed(&simulator, CENSOR_UPDATE, "channelId=1&enabled=Y");
    let target = format!("{CENSOR_UPDATE}?{}", request.query);
    for (content_type, body, words) in [
        ("application/json", " null\n", None),
        ("application/json", "", None),
        ("text/plain", "", None),
        (
            "application/json",
            "{\"enabled\":\"N\"}",
            Some("param validate error"),
        ),
        (
            "text/plain",
            "enabled=N",
            Some("Content type 'text/plain' not supported"),
        ),
    ] {
        let answer = json_response(&simulator, &Request::post(&target, content_type, body));
        match words {
            None => assert_eq!(answer["data"], true, "{content_type} {body}"),
            Some(words) => assert_eq!(refused(&answer), words, "{content_type} {body}"),
        }
    }
    let bare = Request::new(hyper::Method::POST, &target, Vec::new());
    assert_eq!(json_response(&simulator, &bare)["data"], true);
}

#[tokio::test(start_paused = true)]
async fn switch_is_set_toggled_and_read_back() {
    let simulator = simulator(ONE);
    let read = || json(&simulator, CENSOR_GET, "channelId=1")["data"].clone();
    assert_eq!(read(), "N");
    for (parameters, after) in [
        ("&enabled=N", false),
        ("&enabled=Y", true),
        ("&enabled=Y", true),
        ("", false),
        ("", true),
    ] {
        let answer = tell(
            &simulator,
            CENSOR_UPDATE,
            &format!("channelId=1{parameters}"),
            "",
        );
        assert_eq!(answer["data"], after, "{parameters}");
        assert_eq!(read(), if after { "Y" } else { "N" });
    }
    for (wrong, words) in [
        ("y", "param validate error"),
        ("true", "param validate error"),
    ] {
        let parameters = format!("channelId=1&enabled={wrong}");
        let answer = tell(&simulator, CENSOR_UPDATE, &parameters, "null");
        assert_eq!(refused(&answer), words, "{wrong}");
    }
    assert_eq!(read(), "Y");
}

#[tokio::test(start_paused = true)]
async fn switch_can_be_read_as_a_boolean() {
    let simulator = simulator("{censor_get_answers: booleans, channels: [{id: 1}]}");
    let read = || json(&simulator, CENSOR_GET, "channelId=1")["data"].clone();
    assert_eq!(read(), false);
    let _ = tell(&simulator, CENSOR_UPDATE, "channelId=1&enabled=Y", "");
    assert_eq!(read(), true);
}

#[tokio::test(start_paused = true)]
async fn each_operation_has_its_method() {
    let simulator = simulator(ONE);
    for path in [RELEVANCE, MODERATION_UPDATE, AUDIT, CENSOR_UPDATE] {
        let answer = json(&simulator, path, "channelId=1");
        assert_eq!(
            refused(&answer),
            "Request method 'GET' not supported",
            "{path}"
        );
    }
    for path in [MODERATION_GET, CENSOR_GET] {
        let answer = tell(&simulator, path, "channelId=1", "null");
        assert_eq!(
            refused(&answer),
            "Request method 'POST' not supported",
            "{path}"
        );
    }
}
