//! Places on the ground, the three datums in use in China, and distance.

use serde::{Deserialize, Serialize};

/// The datum of a coordinate. EXIF is WGS-84; Chinese map services give GCJ-02 or BD-09.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Datum {
    /// GPS.
    #[default]
    Wgs84,
    /// The datum of Chinese map services.
    Gcj02,
    /// Baidu's datum.
    Bd09,
}

/// A point, degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Place {
    /// Latitude, -90..=90.
    pub lat: f64,
    /// Longitude, -180..=180.
    pub lon: f64,
    /// Datum of the two.
    #[serde(default)]
    pub datum: Datum,
    /// Radius of uncertainty in metres, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<f64>,
}

const EARTH_RADIUS_M: f64 = 6_371_008.8;

impl Place {
    /// Whether latitude and longitude are finite and in range.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        (-90.0..=90.0).contains(&self.lat) && (-180.0..=180.0).contains(&self.lon)
    }

    /// The same point in WGS-84; error below 1 m inside China (inverse by fixed-point iteration).
    #[must_use]
    pub fn to_wgs84(self) -> Self {
        let gcj = match self.datum {
            Datum::Wgs84 => return self,
            Datum::Gcj02 => (self.lat, self.lon),
            Datum::Bd09 => bd09_to_gcj02(self.lat, self.lon),
        };
        let (lat, lon) = gcj02_to_wgs84(gcj.0, gcj.1);
        Self {
            lat,
            lon,
            datum: Datum::Wgs84,
            accuracy_m: self.accuracy_m,
        }
    }

    /// Great-circle distance in metres (haversine), both points converted to WGS-84 first.
    #[must_use]
    pub fn distance_m(self, other: Self) -> f64 {
        let (a, b) = (self.to_wgs84(), other.to_wgs84());
        let (phi_a, phi_b) = (a.lat.to_radians(), b.lat.to_radians());
        let half_phi = (phi_b - phi_a) / 2.0;
        let half_lambda = (b.lon - a.lon).to_radians() / 2.0;
        let h = half_phi.sin().powi(2) + phi_a.cos() * phi_b.cos() * half_lambda.sin().powi(2);
        2.0 * EARTH_RADIUS_M * h.sqrt().min(1.0).asin()
    }
}

fn outside_china(lat: f64, lon: f64) -> bool {
    !(72.004..=137.8347).contains(&lon) || !(0.8293..=55.8271).contains(&lat)
}

/// The published approximation of the GCJ-02 offset on the Krasovsky 1940 ellipsoid.
fn gcj_offset(lat: f64, lon: f64) -> (f64, f64) {
    use std::f64::consts::PI;
    const SEMI_MAJOR_M: f64 = 6_378_245.0;
    const ECCENTRICITY_SQUARED: f64 = 0.006_693_421_622_965_943;
    let (x, y) = (lon - 105.0, lat - 35.0);
    let wave = |t: f64| 20.0 * (6.0 * t * PI).sin() + 20.0 * (2.0 * t * PI).sin();
    let mut d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * x.abs().sqrt();
    d_lat += wave(x) * 2.0 / 3.0;
    d_lat += (20.0 * (y * PI).sin() + 40.0 * (y / 3.0 * PI).sin()) * 2.0 / 3.0;
    d_lat += (160.0 * (y / 12.0 * PI).sin() + 320.0 * (y * PI / 30.0).sin()) * 2.0 / 3.0;
    let mut d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * x.abs().sqrt();
    d_lon += wave(x) * 2.0 / 3.0;
    d_lon += (20.0 * (x * PI).sin() + 40.0 * (x / 3.0 * PI).sin()) * 2.0 / 3.0;
    d_lon += (150.0 * (x / 12.0 * PI).sin() + 300.0 * (x / 30.0 * PI).sin()) * 2.0 / 3.0;
    let phi = lat.to_radians();
    let magic = 1.0 - ECCENTRICITY_SQUARED * phi.sin().powi(2);
    let meridian = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / (magic * magic.sqrt());
    (
        d_lat.to_degrees() / meridian,
        d_lon.to_degrees() / (SEMI_MAJOR_M / magic.sqrt() * phi.cos()),
    )
}

fn wgs84_to_gcj02(lat: f64, lon: f64) -> (f64, f64) {
    if outside_china(lat, lon) {
        return (lat, lon);
    }
    let (d_lat, d_lon) = gcj_offset(lat, lon);
    (lat + d_lat, lon + d_lon)
}

fn gcj02_to_wgs84(lat: f64, lon: f64) -> (f64, f64) {
    let mut guess = (lat, lon);
    for _ in 0..5 {
        let there = wgs84_to_gcj02(guess.0, guess.1);
        guess = (guess.0 + lat - there.0, guess.1 + lon - there.1);
    }
    guess
}

fn bd09_to_gcj02(lat: f64, lon: f64) -> (f64, f64) {
    const X_PI: f64 = std::f64::consts::PI * 3000.0 / 180.0;
    let (x, y) = (lon - 0.0065, lat - 0.006);
    let radius = x.hypot(y) - 0.00002 * (y * X_PI).sin();
    let angle = y.atan2(x) - 0.000003 * (x * X_PI).cos();
    (radius * angle.sin(), radius * angle.cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(lat: f64, lon: f64, datum: Datum) -> Place {
        Place {
            lat,
            lon,
            datum,
            accuracy_m: None,
        }
    }

    #[test]
    fn one_degree_of_latitude_is_111_km() {
        // 2 pi R / 360 = 111,195 m
        let distance = place(30.0, 120.0, Datum::Wgs84).distance_m(place(31.0, 120.0, Datum::Wgs84));
        assert!((distance - 111_195.0).abs() < 1.0, "{distance}");
    }

    #[test]
    fn datums_of_one_point_meet_within_a_metre() {
        let wgs = place(39.907_375, 116.391_349, Datum::Wgs84);
        let (lat, lon) = wgs84_to_gcj02(wgs.lat, wgs.lon);
        let gcj = place(lat, lon, Datum::Gcj02);
        assert!(wgs.distance_m(gcj) < 1.0);
        let as_if_wgs = place(lat, lon, Datum::Wgs84);
        assert!(
            (400.0..700.0).contains(&wgs.distance_m(as_if_wgs)),
            "the offset is some 500 m in Beijing"
        );
    }

    #[test]
    fn outside_china_nothing_moves() {
        let paris = place(48.8584, 2.2945, Datum::Gcj02);
        assert!(paris.to_wgs84().distance_m(place(48.8584, 2.2945, Datum::Wgs84)) < 1e-6);
    }
}
