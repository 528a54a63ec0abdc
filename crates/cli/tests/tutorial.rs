//! The tutorial is run as it is written: its files are written, its commands run in order, and what it says they print is
//! printed, apart from what differs from run to run.

use std::fs;
use std::path::Path;
use std::process::Command;

const TUTORIAL: &str = include_str!("../../../docs/tutorial/first-migration.md");

enum Block {
    File { path: String, text: String },
    Command { line: String, output: Vec<String> },
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(fence) = line.strip_prefix("```") else {
            continue;
        };
        let body: Vec<String> = lines
            .by_ref()
            .take_while(|line| !line.starts_with("```"))
            .map(str::to_owned)
            .collect();
        if let Some((_, title)) = fence.split_once("title=\"") {
            let path = title.trim_end_matches('"').to_owned();
            blocks.push(Block::File {
                path,
                text: body.join("\n") + "\n",
            });
        } else if fence == "console" {
            let line = body[0]
                .strip_prefix("$ ")
                .expect("a console block begins with a command")
                .to_owned();
            blocks.push(Block::Command {
                line,
                output: body[1..].to_vec(),
            });
        }
    }
    blocks
}

/// Lines with figures, names, times or folders in them differ from run to run.
fn is_the_same_everywhere(line: &str) -> bool {
    !line.trim().is_empty()
        && !line.contains(|c: char| c.is_ascii_digit() || matches!(c, '@' | '/' | '<'))
}

fn expected_code(output: &[String]) -> i32 {
    let code = output.last().and_then(|line| line.rsplit_once("exit "));
    code.and_then(|(_, code)| code.trim().parse().ok())
        .unwrap_or(0)
}

fn run(folder: &Path, line: &str) -> (i32, String) {
    let binary = Path::new(env!("CARGO_BIN_EXE_tightrope"));
    let bin = binary.parent().expect("the binary is in a folder");
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("{line} 2>&1"))
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .output()
        .expect("sh runs");
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn the_tutorial_does_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let mut commands = 0;
    for block in blocks(TUTORIAL) {
        match block {
            Block::File { path, text } => {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().expect("a file is in a folder"))
                    .expect("the folder is made");
                fs::write(path, text).expect("the file is written");
            }
            Block::Command { line, output } => {
                let (code, said) = run(folder.path(), &line);
                assert_eq!(code, expected_code(&output), "$ {line}\n{said}");
                for promised in output.iter().filter(|line| is_the_same_everywhere(line)) {
                    assert!(
                        said.contains(promised.trim_end()),
                        "$ {line}\n{said}\n--- lacks\n{promised}"
                    );
                }
                commands += 1;
            }
        }
    }
    assert!(commands > 8, "the tutorial has lost its commands");
}
