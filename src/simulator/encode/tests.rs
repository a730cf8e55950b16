use std::time::Duration;

use super::super::channel::StreamName;
use super::super::time::MediaTime;
use super::super::troubles::Form;
use super::*;

fn encoding() -> Encoding<'static> {
    Encoding {
        decimals: false,
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
fn a_sample_is_written_as_on_the_page_byte_for_byte() {
    assert_eq!(encoding().array(&[sample()]), PAGE);
    assert_eq!(encoding().array(&[]), "[]");
}

#[test]
fn the_two_ways_of_writing_agree() {
    let mut out = String::from("[");
    encoding().write_spoiled(&sample(), None, &mut BeijingTime::default(), &mut out);
    out.push(']');
    assert_eq!(out, PAGE);
}

#[test]
fn decimals_are_written_as_the_sibling_does() {
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
fn each_defect_spoils_its_field_only() {
    let field = |defect, form| {
        let bad_values = BadValues {
            defects: vec![defect],
            fields: vec![ValueField::Bitrate],
            form,
            one_in: 1,
        };
        let encoding = Encoding {
            bad_values: Some(&bad_values),
            ..encoding()
        };
        encoding.array(&[sample()])
    };
    for (defect, form, bit_rate) in [
        (Defect::Null, Form::Strings, "\"bitRate\":null,"),
        (Defect::Blank, Form::Strings, "\"bitRate\":\"\","),
        (Defect::Negative, Form::Strings, "\"bitRate\":\"-1\","),
        (Defect::Negative, Form::Numbers, "\"bitRate\":-1,"),
        (Defect::Infinite, Form::Strings, "\"bitRate\":\"1e400\","),
        (Defect::Infinite, Form::Numbers, "\"bitRate\":1e400,"),
        (Defect::NotANumber, Form::Numbers, "\"bitRate\":\"NaN\","),
        (Defect::Word, Form::Numbers, "\"bitRate\":\"fast\","),
        (Defect::Missing, Form::Strings, ""),
    ] {
        let expected = PAGE.replace("\"bitRate\":\"1157120\",", bit_rate);
        assert_eq!(field(defect, form), expected, "{defect:?}");
    }
    let time = "\"time\":\"2023-04-07 09:45:24.443\",";
    assert_eq!(
        field(Defect::BadTime, Form::Strings),
        PAGE.replace(time, "\"time\":\"yesterday\",")
    );
    assert_eq!(field(Defect::NoTime, Form::Strings), PAGE.replace(time, ""));
}
