/// A number with a blank between its thousands, from five digits on: `184 203`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_stand_apart() {
        let check = |number, expect| assert_eq!(grouped(number), expect);
        check(0, "0");
        check(4000, "4000");
        check(184_203, "184 203");
        check(1_000_000, "1 000 000");
    }
}
