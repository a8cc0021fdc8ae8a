//! The descriptor on drawn photos, where it is known what must change and what must not.

use super::*;

fn photo(width: u32, height: u32, paint: impl Fn(u32, u32) -> [u8; 3]) -> Photo {
    let rgb = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .flat_map(|(x, y)| paint(x, y))
        .collect();
    Photo::from_rgb(width, height, rgb).unwrap()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>().sqrt()
}

fn bricks(x: u32, y: u32) -> [u8; 3] {
    if x % 40 < 3 || y % 24 < 3 {
        [200, 200, 200]
    } else {
        [150, 80, 60]
    }
}

#[test]
fn the_grid_follows_the_photos_shape() {
    for ((width, height), expected) in [
        ((500, 500), (28, 28)),
        ((4000, 3000), (32, 24)),
        ((3000, 4000), (24, 32)),
        ((5000, 10), (64, 12)),
        ((1, 1), (28, 28)),
    ] {
        assert_eq!(grid_of(width, height), expected, "{width} x {height}");
    }
    let features = PatchDescriptor::new().features(&photo(400, 300, bricks));
    assert_eq!(features.patches.len(), 32 * 24 * DIMENSIONS);
    assert_eq!(features.global.len(), global::GLOBAL_DIMENSIONS);
    assert!((features.global.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-4);
    assert!(features.patches.iter().all(|v| v.is_finite()));
}

#[test]
fn a_flat_photo_has_equal_patches_and_no_edges() {
    let features = PatchDescriptor::new().features(&photo(64, 64, |_, _| [90, 120, 40]));
    let first = features.patch(0, 0).to_vec();
    for row in 0..features.rows {
        for column in 0..features.columns {
            assert!(distance(features.patch(column, row), &first) < 1e-3);
        }
    }
    assert!(
        first.iter().all(|v| v.abs() < 1e-3),
        "a flat photo does not depart from itself"
    );
}

#[test]
fn a_small_spot_changes_its_patch_and_not_those_far_away() {
    let plain = PatchDescriptor::new().features(&photo(560, 560, bricks));
    let spot = |x: u32, y: u32| {
        if x.abs_diff(285) < 6 && y.abs_diff(205) < 6 {
            [10; 3]
        } else {
            bricks(x, y)
        }
    };
    let spotted = PatchDescriptor::new().features(&photo(560, 560, spot));
    let changed = distance(plain.patch(14, 10), spotted.patch(14, 10));
    for (column, row) in [(3, 24), (24, 3), (25, 25)] {
        let far = distance(plain.patch(column, row), spotted.patch(column, row));
        assert!(
            changed > 5.0 * far,
            "{changed} at the spot, {far} at ({column}, {row})"
        );
    }
}

#[test]
fn orientation_is_seen_and_contrast_sign_is_not() {
    // Stripes in the middle of a flat photo, so that there is something to depart from.
    let stripes = |along: fn(u32, u32) -> u32, invert: bool| {
        photo(336, 336, move |x, y| {
            let inside = x.abs_diff(168) < 60 && y.abs_diff(168) < 60;
            let light = (along(x, y) / 6).is_multiple_of(2) != invert;
            if !inside {
                [120; 3]
            } else if light {
                [200; 3]
            } else {
                [60; 3]
            }
        })
    };
    let descriptor = PatchDescriptor::new();
    let [upright, inverted, level] = [
        stripes(|x, _| x, false),
        stripes(|x, _| x, true),
        stripes(|_, y| y, false),
    ]
    .map(|photo| descriptor.features(&photo).patch(14, 14)[..BINS].to_vec());
    assert!(distance(&upright, &level) > 3.0 * distance(&upright, &inverted));
}

#[test]
fn exposure_and_edges_are_taken_out() {
    let descriptor = PatchDescriptor::new();
    let bright = descriptor.features(&photo(336, 336, bricks));
    let dark = descriptor.features(&photo(336, 336, |x, y| {
        bricks(x, y).map(|v| (f32::from(v) * 0.8) as u8)
    }));
    let plain = descriptor.features(&photo(336, 336, |_, _| [128; 3]));
    let moved = distance(&bright.patches, &dark.patches);
    assert!(
        moved < 0.25 * distance(&bright.patches, &plain.patches),
        "{moved}"
    );
    let mut patches = vec![1.0; 12 * 12 * DIMENSIONS];
    damp_edges(&mut patches, 12, 12);
    let at = |column: usize, row: usize| patches[(row * 12 + column) * DIMENSIONS];
    assert_eq!(
        (at(0, 5), at(5, 11), at(1, 6), at(2, 2), at(6, 10)),
        (0.4, 0.4, 0.7, 1.0, 0.7)
    );
}

#[test]
fn the_global_vector_tells_shots_apart_and_forgives_light() {
    let descriptor = PatchDescriptor::new();
    let sky = |x: u32, y: u32| if y < 150 { [120, 170, 230] } else { bricks(x, y) };
    let brighter = |x: u32, y: u32| sky(x, y).map(|v| v.saturating_add(12));
    let [a, b, c] = [&sky as &dyn Fn(u32, u32) -> [u8; 3], &brighter, &bricks]
        .map(|paint| descriptor.features(&photo(400, 300, paint)).global);
    assert!(
        distance(&a, &b) < 0.5 * distance(&a, &c),
        "{} {}",
        distance(&a, &b),
        distance(&a, &c)
    );
}

#[test]
fn the_same_photo_gives_the_same_bits() {
    let shot = photo(123, 77, bricks);
    let descriptor = PatchDescriptor::new();
    assert_eq!(descriptor.features(&shot), descriptor.features(&shot));
}
