/// The chance that a standard normal variable exceeds `z`, to seven digits (the rational Chebyshev fit of the complementary error
/// function in Press et al., Numerical Recipes, section 6.2).
pub(crate) fn upper_tail(z: f64) -> f64 {
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    if z.is_nan() {
        return 1.0;
    }
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let sum = FIT.iter().rev().fold(0.0, |sum, fit| sum * t + fit);
    let both = t * (-x * x + sum).exp();
    if x >= 0.0 {
        both / 2.0
    } else {
        1.0 - both / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        let check = |z, expect: f64| {
            let found = upper_tail(z);
            assert!((found / expect - 1.0).abs() < 1e-5, "{z}: {found}");
        };
        check(0.0, 0.5);
        check(1.644_853_6, 0.05);
        check(3.090_232_3, 0.001);
        check(-1.644_853_6, 0.95);
        check(5.0, 2.866_516e-7);
        assert_eq!(upper_tail(f64::NAN), 1.0);
    }
}
