use std::time::Duration;

use super::*;
use crate::faults::BadValueForm;
use crate::stream::StreamName;
use crate::time::MediaTime;

fn encoding() -> Encoding<'static> {
    Encoding {
        decimals: false,
        form: SampleForm::V3,
        shift_ms: 0,
        sampling: Sampling {
            every: Duration::from_secs(5),
            noise: 0.0,
        },
        wrong_type: None,
        bad_values: None,
        padding: 0,
    }
}

fn sample() -> Sample {
    Sample {
        stream: StreamName::new("recordf"),
        at: MediaTime::from_millis(1_680_831_924_443),
        bitrate: 1_157_120.4,
        audio: 46.0,
        video: 13.2,
    }
}

const PAGE: &str = "[{\"streamUrl\":\"recordf\",\"bitRate\":\"1157120\",\
     \"audioFrameRate\":\"46\",\"videoFrameRate\":\"13\",\
     \"time\":\"2023-04-07 09:45:24.443\",\"timestamp\":null}]";

#[test]
fn sample_equals_that_of_the_page() {
    assert_eq!(encoding().array(&[sample()]), PAGE);
    assert_eq!(encoding().array(&[]), "[]");
}

#[test]
fn decimals_are_written_as_the_v4_sibling_does() {
    let encoding = Encoding {
        decimals: true,
        ..encoding()
    };
    let sample = Sample {
        bitrate: 1_176_815.9,
        video: 15.016_666,
        ..sample()
    };
    let written = encoding.array(&[sample]);
    assert!(written.contains("\"bitRate\":\"1176815.9\""), "{written}");
    assert!(
        written.contains("\"videoFrameRate\":\"15.016666\""),
        "{written}"
    );
}

#[test]
fn each_bad_value_is_in_its_field_only() {
    let field = |kind, form| {
        let bad_values = BadValues {
            defects: vec![kind],
            fields: vec![ValueField::Bitrate],
            r#as: form,
            one_in: None,
        };
        let encoding = Encoding {
            bad_values: Some(&bad_values),
            ..encoding()
        };
        encoding.array(&[sample()])
    };
    for (kind, form, bit_rate) in [
        (
            BadValueKind::Null,
            BadValueForm::Strings,
            "\"bitRate\":null,",
        ),
        (
            BadValueKind::Blank,
            BadValueForm::Strings,
            "\"bitRate\":\"\",",
        ),
        (
            BadValueKind::Negative,
            BadValueForm::Strings,
            "\"bitRate\":\"-1\",",
        ),
        (
            BadValueKind::Negative,
            BadValueForm::Numbers,
            "\"bitRate\":-1,",
        ),
        (
            BadValueKind::Infinite,
            BadValueForm::Strings,
            "\"bitRate\":\"1e400\",",
        ),
        (
            BadValueKind::Infinite,
            BadValueForm::Numbers,
            "\"bitRate\":1e400,",
        ),
        (
            BadValueKind::NotANumber,
            BadValueForm::Numbers,
            "\"bitRate\":\"NaN\",",
        ),
        (
            BadValueKind::Word,
            BadValueForm::Numbers,
            "\"bitRate\":\"fast\",",
        ),
        (BadValueKind::Missing, BadValueForm::Strings, ""),
    ] {
        let expected = PAGE.replace("\"bitRate\":\"1157120\",", bit_rate);
        assert_eq!(field(kind, form), expected, "{kind:?}");
    }
    let time = "\"time\":\"2023-04-07 09:45:24.443\",";
    assert_eq!(
        field(BadValueKind::BadTime, BadValueForm::Strings),
        PAGE.replace(time, "\"time\":\"yesterday\",")
    );
    assert_eq!(
        field(BadValueKind::NoTime, BadValueForm::Strings),
        PAGE.replace(time, "")
    );
}
