//! Reading drawn text with the installed models; skipped, saying so, where they are not.

use super::*;
use crate::queue::Unobserved;
use crate::test_models;

/// Letters of 5 × 7 dots, a row a string.
const GLYPHS: [(char, [&str; 7]); 8] = [
    (
        'K',
        ["#...#", "#..#.", "#.#..", "##...", "#.#..", "#..#.", "#...#"],
    ),
    (
        'F',
        ["#####", "#....", "#....", "####.", "#....", "#....", "#...."],
    ),
    (
        'R',
        ["####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"],
    ),
    (
        '3',
        ["####.", "....#", "....#", ".###.", "....#", "....#", "####."],
    ),
    (
        '5',
        ["#####", "#....", "####.", "....#", "....#", "#...#", ".###."],
    ),
    (
        '7',
        ["#####", "....#", "...#.", "...#.", "..#..", "..#..", "..#.."],
    ),
    (
        '2',
        [".###.", "#...#", "....#", "...#.", "..#..", ".#...", "#####"],
    ),
    (
        'E',
        ["#####", "#....", "#....", "####.", "#....", "#....", "#####"],
    ),
];

/// Draws lines of text, dark on light, each dot 4 pixels, smoothed like a photo.
fn drawn(lines: &[&str]) -> Photo {
    const DOT: usize = 4;
    let (width, height) = (480, 90 * lines.len() + 60);
    let mut coarse = Raster {
        width: width / DOT,
        height: height / DOT,
        rgb: vec![225; width / DOT * (height / DOT) * 3],
    };
    for (row, line) in lines.iter().enumerate() {
        for (column, letter) in line.chars().enumerate() {
            let glyph = GLYPHS.iter().find(|g| g.0 == letter).map(|g| g.1).unwrap();
            for (dy, dots) in glyph.iter().enumerate() {
                for (dx, _) in dots.chars().enumerate().filter(|d| d.1 == '#') {
                    let at = ((row * 22 + 12 + dy) * coarse.width + column * 7 + 20 + dx) * 3;
                    coarse.rgb[at..at + 3].fill(30);
                }
            }
        }
    }
    let fine = coarse.resized(width, height);
    Photo::from_rgb(width as u32, height as u32, fine.rgb).unwrap()
}

fn recognizer(dir: &Path) -> OcrRecognizer {
    let (manifest, options) = (Manifest::built_in(), OcrOptions::default());
    OcrRecognizer::start(
        &manifest,
        dir,
        options,
        QueueOptions::default(),
        Arc::new(Unobserved),
    )
    .unwrap()
}

fn texts(lines: &[TextLine]) -> Vec<&str> {
    lines.iter().map(|l| l.text.as_str()).collect()
}

#[test]
fn drawn_lines_are_read_in_order_with_confidences_and_places() {
    let Some(dir) = test_models::folder(&OcrRecognizer::needs()) else {
        return;
    };
    let lines = recognizer(&dir)
        .recognize(&drawn(&["KFR3572", "E7E5"]), Priority::Interactive)
        .unwrap();
    assert_eq!(texts(&lines), ["KFR3572", "E7E5"]);
    for line in &lines {
        assert_eq!(line.character_confidences.len(), line.text.chars().count());
        assert!(line.confidence > 0.6 && line.confidence <= 1.0);
    }
    // The first line's ink runs from (80, 48) to (272, 76) of 480 x 240.
    let area = lines[0].area();
    assert!(
        (area.x - 80.0 / 480.0).abs() < 0.04 && (area.y - 48.0 / 240.0).abs() < 0.06,
        "{area:?}"
    );
}

#[test]
fn a_photo_on_its_head_is_read() {
    let Some(dir) = test_models::folder(&[RUNTIME, DETECTOR, RECOGNISER, ORIENTATION]) else {
        return;
    };
    let upright = drawn(&["KFR3572"]);
    let turned = Raster::from_photo(&upright).upside_down();
    let photo = Photo::from_rgb(upright.width(), upright.height(), turned.rgb).unwrap();
    let lines = recognizer(&dir).recognize(&photo, Priority::Interactive).unwrap();
    assert_eq!(texts(&lines), ["KFR3572"]);
    assert!(
        lines[0].corners[0].0 > lines[0].corners[1].0,
        "the text's upper left is the photo's lower right"
    );
}

#[test]
fn a_photo_without_text_gives_no_line() {
    let Some(dir) = test_models::folder(&OcrRecognizer::needs()) else {
        return;
    };
    let recognizer = recognizer(&dir);
    for (width, height) in [(300, 200), (1, 1), (2000, 3)] {
        let photo = Photo::from_rgb(width, height, vec![128; (width * height * 3) as usize]).unwrap();
        assert!(recognizer.recognize(&photo, Priority::Bulk).unwrap().is_empty());
    }
}

#[test]
fn without_models_it_is_said_what_to_install() {
    let dir = tempfile::tempdir().unwrap();
    let error = recognizer(dir.path())
        .recognize(&drawn(&["E7"]), Priority::Interactive)
        .unwrap_err();
    assert!(
        matches!(&error, ModelError::NotInstalled { reason, .. } if reason.contains("shifu models install onnxruntime")),
        "{error}"
    );
}
