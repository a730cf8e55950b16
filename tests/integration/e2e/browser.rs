//! The status page, in a real browser.

use serde_json::Value;

use crate::support::browser::Browser;
use crate::support::exporter_process::{Exporter, quick_config};
use crate::support::simulator_server::SimulatorServer;

/// What has to be low for two seconds only, so that tests need not wait for half a minute.
fn with_short_windows(config: &str) -> String {
    config.replace("idle_interval: 1s", "idle_interval: 1s, sustain: 2s")
}

async fn setup(scenario: &str, channels: &str) -> (SimulatorServer, Exporter) {
    let polyv = SimulatorServer::start(&format!("sample_every: 1s\n{scenario}")).await;
    let exporter =
        Exporter::start(&with_short_windows(&quick_config(polyv.address, channels))).await;
    let ids: Vec<String> = polyv.control("GET", "channels", "").await.1["channels"]
        .as_array()
        .map(|all| {
            all.iter()
                .map(|c| c["id"].as_str().unwrap().to_owned())
                .collect()
        })
        .unwrap_or_default();
    exporter
        .until("every channel was asked", |scrape| {
            scrape.all("polyv_channel_last_poll_outcome", &[]).len() >= ids.len().max(1)
        })
        .await;
    (polyv, exporter)
}

/// What a person reads in a channel's rows.
fn row(id: &str) -> String {
    format!("(document.getElementById('c{id}')?.innerText ?? '')")
}

async fn assert_console_is_empty(browser: &Browser) {
    let console = browser.console().await;
    assert!(console.is_empty(), "{console:#?}");
}

const THREE: &str = "channels: [{id: 1}, {id: 2}, {id: 3, life: offline}]";
const THREE_CONFIGURED: &str = "[
  {id: 1, name: Main stage, expect: {live: true, video_bitrate_bps: 1200000}},
  {id: 2, name: Side stage, labels: {team: sports}, expect: {content: camera}},
  {id: 3, name: Tomorrow}]";

#[tokio::test]
async fn page_follows_a_channel_from_live_to_dropped_to_offline() {
    let (polyv, exporter) = setup(THREE, THREE_CONFIGURED).await;
    let browser = Browser::start("en", 1400, 900).await;
    browser.open(&exporter.url("/")).await;
    browser.run("window.same = true").await;
    browser
        .until(
            "it is live and well",
            &format!("{}.includes('All right')", row("2")),
        )
        .await;
    let order = "[...document.querySelectorAll('tbody')].map(row => row.id).join(' ')";
    assert_eq!(browser.text(order).await, "c1 c2 c3");
    assert!(
        browser
            .text("document.title")
            .await
            .starts_with("2 live of 3")
    );

    polyv
        .control("PUT", "channels/2/life", "{phase: bitrate_drop, to: 0.1}")
        .await;
    // Its usual level is known from before.
    browser
        .until(
            "it is seen to drop",
            &format!("{}.includes('Bitrate dropped')", row("2")),
        )
        .await;
    browser
        .until("the worst stands first", &format!("{order} == 'c2 c1 c3'"))
        .await;
    let title = browser.text("document.title").await;
    assert!(title.starts_with("1 critical · 2 live of 3"), "{title}");
    let critical = "document.querySelector('#counts .critical b').innerText";
    assert_eq!(browser.text(critical).await, "1");
    browser.screenshot("dropped").await;

    polyv.control("PUT", "channels/2/life", "offline").await;
    browser
        .until(
            "it is seen to go",
            &format!("{}.includes('Not live')", row("2")),
        )
        .await;
    assert!(!browser.text(&row("2")).await.contains("bit/s"));
    assert_eq!(
        browser.text("window.same").await,
        "true",
        "it was loaded again"
    );
    assert_console_is_empty(&browser).await;
}

#[tokio::test]
async fn ages_advance_between_updates() {
    let (_polyv, exporter) = setup(THREE, THREE_CONFIGURED).await;
    let browser = Browser::start("en", 1400, 900).await;
    browser.open(&exporter.url("/")).await;
    // A stopped exporter does not respond, and its last values grow older.
    exporter.program.signal("STOP");
    let age = "Number(document.querySelector('#c1 .a').innerText.replace(/ s$/, ''))";
    browser
        .until("samples grow old", &format!("{age} >= 4"))
        .await;
    // Before the request has ended.
    let stale =
        "document.body.classList.contains('stale') && document.getElementById('lost').hidden";
    browser.until("what is old looks old", stale).await;
    exporter.program.signal("CONT");
}

#[tokio::test]
async fn channels_can_be_searched_and_sorted() {
    let (_polyv, exporter) = setup(THREE, THREE_CONFIGURED).await;
    let browser = Browser::start("en", 1400, 900).await;
    browser.open(&exporter.url("/")).await;
    let ids = "[...document.querySelectorAll('tbody')].map(row => row.id).join(' ')";
    browser
        .until("all are there", &format!("{ids} == 'c1 c2 c3'"))
        .await;

    // With the keyboard alone: the slash goes to the search.
    browser.press("/").await;
    assert_eq!(browser.text("document.activeElement.name").await, "q");
    for (text, expected) in [
        ("SPORTS", "c2"),
        ("stage", "c1 c2"),
        ("3", "c3"),
        ("stranger", ""),
    ] {
        browser.run("document.activeElement.value = ''").await;
        browser.type_into("[name=q]", text).await;
        browser.until(text, &format!("{ids} == '{expected}'")).await;
        assert!(browser.text("location.search").await.contains("q="));
    }
    let nothing = "document.getElementById('pager').innerText";
    assert_eq!(browser.text(nothing).await, "No channel matches.");
    // The address is one to be shared.
    browser.open(&exporter.url("/?q=stage&sort=-name")).await;
    assert_eq!(browser.text(ids).await, "c2 c1");
    browser.click("#headings th:first-child a").await;
    browser
        .until("sorted the usual way", &format!("{ids} == 'c1 c2'"))
        .await;

    browser.open(&exporter.url("/")).await;
    browser
        .click("select[name=state] option[value=not_live]")
        .await;
    browser
        .until("one is not live", &format!("{ids} == 'c3'"))
        .await;
    browser.click("#counts .live a").await;
    browser
        .until("two are live", &format!("{ids} == 'c1 c2'"))
        .await;
    assert_console_is_empty(&browser).await;
}

#[tokio::test]
async fn focus_is_kept_while_rows_move() {
    let (polyv, exporter) = setup(THREE, THREE_CONFIGURED).await;
    let browser = Browser::start("en", 1400, 900).await;
    browser.open(&exporter.url("/?sort=bitrate")).await;
    let order = "[...document.querySelectorAll('tbody')].map(row => row.id).join(' ')";
    let first = browser.text(order).await;
    let (lowest, other) = if first.starts_with("c1") {
        ("1", "2")
    } else {
        ("2", "1")
    };
    browser
        .run(&format!("document.querySelector('#c{lowest} a').focus()"))
        .await;
    let life = format!("channels/{other}/life");
    polyv
        .control("PUT", &life, "{phase: bitrate_drop, to: 0.1}")
        .await;
    let expected = format!("{order} == 'c{other} c{lowest} c3'");
    browser.until("they changed places", &expected).await;
    let focus = "document.activeElement.closest('tbody')?.id";
    assert_eq!(browser.text(focus).await, format!("c{lowest}"));
    polyv.control("PUT", &life, "steady").await;
    browser
        .run(&format!("document.querySelector('#c{other} a').focus()"))
        .await;
    let expected = format!("{order} != 'c{other} c{lowest} c3'");
    // Or they stay, if chance has it: then it drops further on.
    polyv
        .control(
            "PUT",
            &format!("channels/{lowest}/life"),
            "{phase: bitrate_drop, to: 0.1}",
        )
        .await;
    browser.until("and back", &expected).await;
    assert_eq!(browser.text(focus).await, format!("c{other}"));
    assert_console_is_empty(&browser).await;
}

#[tokio::test]
async fn background_tab_updates_only_its_title() {
    let (polyv, exporter) = setup(THREE, THREE_CONFIGURED).await;
    let browser = Browser::start("en", 1400, 900).await;
    browser.open(&exporter.url("/")).await;
    browser
        .until("two are live", "document.title.startsWith('2 live of 3')")
        .await;
    let hide = "Object.defineProperty(document, 'hidden', {value: true, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'))";
    browser.run(hide).await;
    polyv.control("PUT", "channels/2/life", "offline").await;
    browser
        .until("one is live", "document.title.startsWith('1 live of 3')")
        .await;
    // No one looks at the rows.
    assert!(browser.text(&row("2")).await.contains("Live"));
    let show = hide.replace("true, conf", "false, conf");
    browser.run(&show).await;
    browser
        .until(
            "and now someone does",
            &format!("{}.includes('Not live')", row("2")),
        )
        .await;
    assert_console_is_empty(&browser).await;
}

#[tokio::test]
async fn reload_with_added_renamed_and_removed_channels_updates_the_page() {
    let (polyv, exporter) = setup(THREE, THREE_CONFIGURED).await;
    let browser = Browser::start("en", 1400, 900).await;
    browser.open(&exporter.url("/")).await;
    browser.run("window.same = true").await;
    let config = quick_config(polyv.address, "[{id: 2, name: Renamed}, {id: 3}]")
        + "- {name: other, app_id: simulated, app_secret: simulated-secret, channels: [{id: 1}]}";
    crate::support::exporter_process::replace(&exporter.config_path(), &config);
    assert_eq!(exporter.reload().await.0, 200);
    let name = "document.querySelector('#c2 a')?.innerText";
    browser
        .until("it has its new name", &format!("{name} == 'Renamed'"))
        .await;
    browser
        .until(
            "the other account is offered",
            "document.querySelector('#accounts option[value=other]')",
        )
        .await;
    browser.click("#accounts option[value=other]").await;
    let order = "[...document.querySelectorAll('tbody')].map(row => row.id).join(' ')";
    browser
        .until("its channel is shown", &format!("{order} == 'c1'"))
        .await;
    assert_eq!(browser.text("window.same").await, "true");
    assert_console_is_empty(&browser).await;
}

#[tokio::test]
async fn page_uses_the_browsers_language_until_one_is_chosen() {
    let (_polyv, exporter) = setup(THREE, THREE_CONFIGURED).await;
    let browser = Browser::start("zh-CN", 1400, 900).await;
    browser.open(&exporter.url("/?q=stage")).await;
    browser
        .until("it is live", &format!("{}.includes('直播中')", row("1")))
        .await;
    assert_eq!(browser.text("document.documentElement.lang").await, "zh-CN");
    browser.screenshot("chinese").await;
    // News come in the same language.
    browser.run("document.getElementById('c1').remove()").await;
    browser
        .until("it is back", &format!("{}.includes('直播中')", row("1")))
        .await;

    browser.click("[data-switch]").await;
    browser
        .until("it is English", "document.documentElement.lang == 'en'")
        .await;
    assert!(browser.text("location.search").await.contains("q=stage"));
    browser.open(&exporter.url("/channels/1")).await;
    assert!(
        browser
            .text("document.body.innerText")
            .await
            .contains("Last polls")
    );
    assert_console_is_empty(&browser).await;
}

#[tokio::test]
async fn channel_page_has_charts_and_the_last_responses() {
    let (polyv, exporter) = setup(THREE, THREE_CONFIGURED).await;
    let browser = Browser::start("en", 1400, 1000).await;
    browser.open(&exporter.url("/")).await;
    browser.click("#c1 a").await;
    browser
        .until("its own page", "location.pathname == '/channels/1'")
        .await;
    browser
        .until(
            "three charts",
            "document.querySelectorAll('.chart').length == 3",
        )
        .await;
    browser.screenshot("channel").await;
    let text = browser
        .text("document.getElementById('channel').innerText")
        .await;
    for expected in [
        "Main stage",
        "Expected 1.2 Mbit/s",
        "Last polls",
        "Expected to be live",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // Every line has something to it.
    let line = "[...document.querySelectorAll('.chart path.r, .chart path.f')].every(path => path.getBBox().width > 100)";
    browser.until("lines are drawn", line).await;

    // Values can be read with the keyboard.
    browser
        .run("document.querySelector('.chart').focus()")
        .await;
    browser.press("\u{e012}").await;
    let value = "document.querySelector('.chart output').innerText";
    browser
        .until(
            "a value is said",
            &format!("/: 1\\.[0-9]+ Mbit/.test({value})"),
        )
        .await;

    // News come here as well, and what has the focus keeps it.
    polyv.control("PUT", "channels/1/life", "offline").await;
    browser
        .until(
            "it is not live",
            "document.querySelector('.s').innerText.startsWith('Not live')",
        )
        .await;
    assert_eq!(
        browser.text("document.activeElement.className").await,
        "chart"
    );
    polyv
        .inject_faults("{trouble: rejected, message: 'no such thing'}")
        .await;
    browser
        .until(
            "it says what Polyv said",
            "document.body.innerText.includes('no such thing')",
        )
        .await;
    browser.click("main p a").await;
    browser.until("back", "location.pathname == '/'").await;
    assert_console_is_empty(&browser).await;
}

#[tokio::test]
async fn lost_connection_is_shown_and_restored() {
    let polyv = SimulatorServer::start(THREE).await;
    let config = quick_config(polyv.address, THREE_CONFIGURED);
    let mut exporter = Exporter::start(&config).await;
    exporter
        .until("it is live", |s| s.state("1") == "live")
        .await;
    let browser = Browser::start("en", 1400, 900).await;
    browser.open(&exporter.url("/")).await;
    browser.run("window.same = true").await;
    assert_eq!(
        browser.text("document.getElementById('lost').hidden").await,
        "true"
    );

    exporter.program.signal("TERM");
    exporter.program.ended().await;
    let lost = "document.getElementById('lost').innerText";
    browser
        .until(
            "it is said",
            &format!("{lost}.includes('connection to the exporter is lost')"),
        )
        .await;
    browser.screenshot("lost").await;
    // What is old does not pass for new.
    assert!(
        browser
            .text("document.body.className")
            .await
            .contains("stale")
    );

    let address = exporter.address.to_string();
    let _again = Exporter::start_with(&config, |command| {
        command.args(["--web.listen-address", &address]);
    })
    .await;
    browser
        .until(
            "it is found again",
            &format!("{lost}.includes('Connected again')"),
        )
        .await;
    browser
        .until(
            "and said no longer",
            "document.getElementById('lost').hidden",
        )
        .await;
    browser
        .until("it goes on", &format!("{}.includes('Live')", row("1")))
        .await;
    assert_eq!(browser.text("window.same").await, "true");
    // What could not be reached was said by the browser, and nothing else was.
    let console = browser.console().await;
    let others = console
        .iter()
        .filter(|line| !line.contains("ERR_CONNECTION_REFUSED"));
    assert_eq!(others.count(), 0, "{console:#?}");
}

#[tokio::test]
async fn names_with_markup_are_shown_as_text() {
    let script = "<script>window.harm=1</script>";
    let image = "\\\"'><img src=x onerror=harm()>";
    let turned = "\u{202e}drawkcab\u{2066}";
    let long = "很长的名字".repeat(2000);
    let channels = format!(
        "[{{id: 1, name: \"{script}\", labels: {{team: \"{script}\"}}}},
          {{id: 2, name: \"{image}\"}},
          {{id: 3, name: \"{turned}\"}},
          {{id: 4, name: \"{long}\"}},
          {{id: 5, name: Rejected}}]"
    );
    let scenario = format!(
        "channels:
- {{id: 1, streams: ['<b>bold', '\"<i>x']}}
- {{id: 2}}
- {{id: 3}}
- {{id: 4}}
- {{id: 5}}
troubles:
- {{trouble: rejected, channels: ['5'], message: \"{script}{image}{turned}\"}}"
    );
    let (_polyv, exporter) = setup(&scenario, &channels).await;
    let browser = Browser::start("en", 1400, 900).await;
    let harmless = "window.harm === undefined
        && document.querySelectorAll('script').length == 1
        && document.querySelectorAll('img, main b:not(#counts b), main i').length == 0
        && !/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.textContent)
        && document.documentElement.scrollWidth <= innerWidth
        && document.body.innerText.length < 20000";
    browser.open(&exporter.url("/")).await;
    for (id, name) in [
        ("1", "<script>window.harm=1</script>"),
        ("1", "<b>bold"),
        ("2", "<img src=x"),
        ("3", "drawkcab"),
        ("4", "很长的名字"),
    ] {
        browser
            .until(name, &format!("{}.includes('{name}')", row(id)))
            .await;
    }
    browser.until("nothing comes of it", harmless).await;
    // What news bring goes another way.
    browser
        .run("document.querySelectorAll('tbody').forEach(row => row.remove())")
        .await;
    browser
        .until(
            "they are back",
            "document.querySelectorAll('tbody').length == 5",
        )
        .await;
    browser.until("still nothing", harmless).await;
    browser.screenshot("hostile").await;
    for id in 1..=5 {
        browser
            .open(&exporter.url(&format!("/channels/{id}")))
            .await;
        browser
            .until("its page", "document.getElementById('channel')")
            .await;
        browser.until("nothing here either", harmless).await;
    }
    assert!(
        browser
            .text("document.body.innerText")
            .await
            .contains("<script>")
    );
    browser
        .open(&exporter.url("/channels/%3Cscript%3Ewindow.harm=1%3C%2Fscript%3E?q=%3Cb%3E"))
        .await;
    browser.until("nor where there is none", harmless).await;
    let console = browser.console().await;
    let others = console.iter().filter(|line| !line.contains("404"));
    assert_eq!(others.count(), 0, "{console:#?}");
}

/// Every text's contrast against the ground that it stands on: the lowest, and whose it is.
const LOWEST_CONTRAST: &str = r"
const parts = colour => colour.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => {
  const linear = [r, g, b].map(c => c / 255).map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
  return .2126 * linear[0] + .7152 * linear[1] + .0722 * linear[2];
};
const ground = element => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parts(getComputedStyle(at).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
let lowest = [99, 'nothing'];
for (const element of document.querySelectorAll('body *')) {
  const says = [...element.childNodes].some(node => node.nodeType == 3 && node.data.trim());
  if (!says || !element.checkVisibility() || element.tagName == 'OPTION') continue;
  const [text, under] = [light(parts(getComputedStyle(element).color)), light(ground(element))];
  const contrast = (Math.max(text, under) + .05) / (Math.min(text, under) + .05);
  if (contrast < lowest[0]) lowest = [contrast, element.outerHTML.slice(0, 200)];
}
return lowest;
";

#[tokio::test]
async fn page_is_readable_in_light_and_dark_on_a_phone_and_by_keyboard() {
    let scenario = "channels: [{id: 1}, {id: 2}, {id: 3, life: offline}, {id: 4}]
troubles: [{trouble: rejected, channels: ['4']}]";
    let channels = "[{id: 1, expect: {video_bitrate_bps: 9000000}},
        {id: 2, expect: {video_bitrate_bps: 2000000}}, {id: 3}, {id: 4}]";
    let (_polyv, exporter) = setup(scenario, channels).await;
    let browser = Browser::start("en", 1400, 900).await;
    for path in ["/", "/channels/1", "/channels/4"] {
        for scheme in ["light", "dark"] {
            browser.prefer_scheme(scheme).await;
            for (width, height) in [(1400, 900), (375, 800)] {
                browser.resize(width, height).await;
                browser.open(&exporter.url(path)).await;
                if path == "/" {
                    browser
                        .until("both faults", "document.querySelectorAll('p.critical').length >= 1 && document.querySelectorAll('p.warning').length >= 2")
                        .await;
                }
                let place = format!("page{path} {scheme} {width}");
                let lowest: Value = browser.run(LOWEST_CONTRAST).await;
                assert!(lowest[0].as_f64().unwrap() >= 4.5, "{place}: {lowest}");
                let fits = "document.documentElement.scrollWidth <= innerWidth";
                assert_eq!(browser.text(fits).await, "true", "{place}");
                browser.screenshot(&place.replace(['/', ' '], "-")).await;
            }
        }
    }
    browser.resize(1400, 900).await;
    browser.open(&exporter.url("/")).await;
    // The first thing that the keyboard reaches is the way to the content.
    browser.press("\u{e004}").await;
    assert_eq!(
        browser.text("document.activeElement.className").await,
        "skip"
    );
    // Whatever can be clicked can be reached, and is seen to be.
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..40 {
        browser.press("\u{e004}").await;
        let place = "document.activeElement.closest('[id]')?.id ?? 'none'";
        reached.insert(browser.text(place).await);
        let outline = "document.activeElement == document.body || getComputedStyle(document.activeElement).outlineStyle != 'none'";
        assert_eq!(browser.text(outline).await, "true");
    }
    for place in ["counts", "filter", "headings", "c1", "c4"] {
        assert!(reached.contains(place), "{place}: {reached:?}");
    }
}

#[tokio::test]
async fn page_works_without_scripts() {
    let (_polyv, exporter) = setup(THREE, THREE_CONFIGURED).await;
    let page = exporter.get("/").await.text().await.unwrap();
    for expected in [
        "Main stage",
        "All right",
        "<svg",
        "http-equiv=\"refresh\"",
        "<button>",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
}
