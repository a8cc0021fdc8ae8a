//! Plane geometry of text areas: hull, smallest rectangle, homography.

/// A point, x to the right and y down, in pixels.
pub(super) type Point = (f64, f64);

/// A rectangle at any angle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RotatedRectangle {
    pub(super) centre: Point,
    /// Unit vector along `width`.
    pub(super) axis: Point,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl RotatedRectangle {
    /// The rectangle with every side moved outwards by `distance`.
    pub(super) fn grown(self, distance: f64) -> Self {
        Self {
            width: self.width + 2.0 * distance,
            height: self.height + 2.0 * distance,
            ..self
        }
    }

    pub(super) fn short_side(self) -> f64 {
        self.width.min(self.height)
    }

    /// Corners clockwise from the upper left: of the two leftmost the upper, and so on (as PaddleOCR orders them).
    pub(super) fn corners(self) -> [Point; 4] {
        let (u, v) = (self.axis, (-self.axis.1, self.axis.0));
        let at = |a: f64, b: f64| {
            let (a, b) = (a * self.width / 2.0, b * self.height / 2.0);
            (
                self.centre.0 + u.0 * a + v.0 * b,
                self.centre.1 + u.1 * a + v.1 * b,
            )
        };
        let mut corners = [at(-1.0, -1.0), at(1.0, -1.0), at(1.0, 1.0), at(-1.0, 1.0)];
        corners.sort_by(|a, b| a.0.total_cmp(&b.0));
        let [a, b, c, d] = corners;
        let (upper_left, lower_left) = if a.1 <= b.1 { (a, b) } else { (b, a) };
        let (upper_right, lower_right) = if c.1 <= d.1 { (c, d) } else { (d, c) };
        [upper_left, upper_right, lower_right, lower_left]
    }
}

/// Convex hull, counter-clockwise in a y-up plane (Andrew's monotone chain).
pub(super) fn convex_hull(points: &mut Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.dedup();
    if points.len() < 3 {
        return points.clone();
    }
    let half = |points: &mut dyn Iterator<Item = &Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for &point in points {
            while chain.len() >= 2 && cross(chain[chain.len() - 2], chain[chain.len() - 1], point) <= 0.0 {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut points.iter());
    hull.extend(half(&mut points.iter().rev()));
    hull
}

fn cross(o: Point, a: Point, b: Point) -> f64 {
    (a.0 - o.0) * (b.1 - o.1) - (a.1 - o.1) * (b.0 - o.0)
}

/// Smallest rectangle around a convex hull by rotating calipers: one side of it lies on a hull edge (Freeman & Shapira 1975).
pub(super) fn smallest_rectangle(hull: &[Point]) -> Option<RotatedRectangle> {
    match hull {
        [] => None,
        [only] => Some(RotatedRectangle {
            centre: *only,
            axis: (1.0, 0.0),
            width: 0.0,
            height: 0.0,
        }),
        _ => calipers(hull),
    }
}

fn calipers(hull: &[Point]) -> Option<RotatedRectangle> {
    let n = hull.len();
    let dot = |p: Point, d: Point| p.0 * d.0 + p.1 * d.1;
    // Vertices furthest along the edge, against it, and away from it; each only ever advances.
    let (mut ahead, mut away, mut behind) = (0, 0, 0);
    let mut best: Option<(f64, RotatedRectangle)> = None;
    for at in 0..n {
        let (a, b) = (hull[at], hull[(at + 1) % n]);
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        if length < 1e-9 {
            continue;
        }
        let u = ((b.0 - a.0) / length, (b.1 - a.1) / length);
        let v = (-u.1, u.0);
        if best.is_none() {
            let furthest = |d: Point| (0..n).max_by(|&i, &j| dot(hull[i], d).total_cmp(&dot(hull[j], d)));
            (ahead, away, behind) = (furthest(u)?, furthest(v)?, furthest((-u.0, -u.1))?);
        } else {
            ahead = advance(hull, ahead, u);
            away = advance(hull, away, v);
            behind = advance(hull, behind, (-u.0, -u.1));
        }
        let (low, high) = (dot(hull[behind], u), dot(hull[ahead], u));
        let (near, far) = (dot(a, v), dot(hull[away], v));
        let (width, height) = (high - low, far - near);
        let (mu, mv) = ((low + high) / 2.0, (near + far) / 2.0);
        let centre = (u.0 * mu + v.0 * mv, u.1 * mu + v.1 * mv);
        if best.is_none_or(|(area, _)| width * height < area) {
            best = Some((
                width * height,
                RotatedRectangle {
                    centre,
                    axis: u,
                    width,
                    height,
                },
            ));
        }
    }
    best.map(|(_, rectangle)| rectangle)
}

fn advance(hull: &[Point], mut at: usize, d: Point) -> usize {
    let dot = |p: Point| p.0 * d.0 + p.1 * d.1;
    for _ in 0..hull.len() {
        let next = (at + 1) % hull.len();
        if dot(hull[next]) < dot(hull[at]) {
            break;
        }
        at = next;
    }
    at
}

/// Coefficients of the projective map from the unit square to a quadrilateral (Heckbert 1989, "square to quad").
#[derive(Debug, Clone, Copy)]
pub(super) struct Homography {
    a: [f64; 8],
}

impl Homography {
    /// Maps (0,0), (1,0), (1,1), (0,1) to the four corners.
    pub(super) fn from_unit_square(corners: [Point; 4]) -> Self {
        let [(x0, y0), (x1, y1), (x2, y2), (x3, y3)] = corners;
        let (sx, sy) = (x0 - x1 + x2 - x3, y0 - y1 + y2 - y3);
        let (dx1, dx2, dy1, dy2) = (x1 - x2, x3 - x2, y1 - y2, y3 - y2);
        let determinant = dx1 * dy2 - dx2 * dy1;
        let (g, h) = if determinant.abs() < 1e-12 {
            (0.0, 0.0) // degenerate: fall back to the affine part
        } else {
            (
                (sx * dy2 - dx2 * sy) / determinant,
                (dx1 * sy - sx * dy1) / determinant,
            )
        };
        Self {
            a: [
                x1 - x0 + g * x1,
                x3 - x0 + h * x3,
                x0,
                y1 - y0 + g * y1,
                y3 - y0 + h * y3,
                y0,
                g,
                h,
            ],
        }
    }

    /// The image of (u, v).
    pub(super) fn map(&self, u: f64, v: f64) -> Point {
        let a = &self.a;
        let w = a[6] * u + a[7] * v + 1.0;
        ((a[0] * u + a[1] * v + a[2]) / w, (a[3] * u + a[4] * v + a[5]) / w)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rectangle(centre: Point, angle: f64, width: f64, height: f64) -> RotatedRectangle {
        RotatedRectangle {
            centre,
            axis: (angle.cos(), angle.sin()),
            width,
            height,
        }
    }

    #[test]
    fn corners_run_clockwise_from_the_upper_left() {
        let upright = rectangle((5.0, 5.0), 0.0, 8.0, 2.0).corners();
        assert_eq!(upright, [(1.0, 4.0), (9.0, 4.0), (9.0, 6.0), (1.0, 6.0)]);
        let tilted = rectangle((0.0, 0.0), 0.3, 10.0, 2.0).corners();
        assert!(tilted[0].0 < tilted[1].0 && tilted[0].1 < tilted[3].1);
    }

    #[test]
    fn one_point_and_a_line_have_rectangles_without_area() {
        assert_eq!(smallest_rectangle(&[]), None);
        assert_eq!(smallest_rectangle(&[(3.0, 4.0)]).unwrap().short_side(), 0.0);
        let line = convex_hull(&mut vec![(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (4.0, 4.0)]);
        assert!(smallest_rectangle(&line).unwrap().short_side() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_rectangles_own_points_give_it_back(
            angle in -1.5_f64..1.5, width in 1.0_f64..80.0, height in 1.0_f64..80.0,
            inner in prop::collection::vec((0.0_f64..1.0, 0.0_f64..1.0), 0..40),
        ) {
            let original = rectangle((50.0, 40.0), angle, width, height);
            let corners = original.corners();
            let map = Homography::from_unit_square(corners);
            let mut points: Vec<Point> = inner.iter().map(|&(u, v)| map.map(u, v)).collect();
            points.extend(corners);
            let found = smallest_rectangle(&convex_hull(&mut points)).unwrap();
            prop_assert!((found.width * found.height - width * height).abs() < 1e-6 * width * height + 1e-6);
            for (a, b) in found.corners().iter().zip(corners) {
                prop_assert!((a.0 - b.0).abs() < 1e-5 && (a.1 - b.1).abs() < 1e-5);
            }
        }

        #[test]
        fn calipers_agree_with_trying_every_edge(points in prop::collection::vec((0_i32..30, 0_i32..30), 3..40)) {
            let mut points: Vec<Point> = points.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).collect();
            let hull = convex_hull(&mut points);
            prop_assume!(hull.len() >= 3);
            let extent = |d: Point| {
                let along = hull.iter().map(|p| p.0 * d.0 + p.1 * d.1);
                along.clone().fold(f64::MIN, f64::max) - along.fold(f64::MAX, f64::min)
            };
            let brute = (0..hull.len()).map(|i| {
                let (a, b) = (hull[i], hull[(i + 1) % hull.len()]);
                let l = (b.0 - a.0).hypot(b.1 - a.1);
                let u = ((b.0 - a.0) / l, (b.1 - a.1) / l);
                extent(u) * extent((-u.1, u.0))
            }).fold(f64::MAX, f64::min);
            let found = smallest_rectangle(&hull).unwrap();
            prop_assert!((found.width * found.height - brute).abs() < 1e-6 * brute.max(1.0));
        }

        #[test]
        fn a_homography_hits_its_corners(
            dx in prop::collection::vec(-3.0_f64..3.0, 8),
        ) {
            let corners = [
                (0.0 + dx[0], 0.0 + dx[1]), (20.0 + dx[2], dx[3]), (20.0 + dx[4], 10.0 + dx[5]), (dx[6], 10.0 + dx[7]),
            ];
            let map = Homography::from_unit_square(corners);
            for ((u, v), corner) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].into_iter().zip(corners) {
                let (x, y) = map.map(u, v);
                prop_assert!((x - corner.0).abs() < 1e-6 && (y - corner.1).abs() < 1e-6);
            }
        }
    }
}
