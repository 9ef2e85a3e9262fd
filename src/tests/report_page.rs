//! The page of a report in a browser: what is seen of it, and what it asks for.

use std::{
    fs,
    io::{BufRead as _, BufReader, Cursor, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

use crate::run::{Finished, hwptop};

/// Measures each figure of the page in a frame of its own, so wide as the address says.
const MEASURE: &str = r#"<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body>
<iframe id="page" src="/report.html"></iframe><pre id="told">nothing</pre>
<script>
page.style.width = location.search.slice(1) + "px";
page.style.height = "4000px";
const light = colour => {
  const part = colour.match(/[\d.]+/g).slice(0, 3).map(of => of / 255)
    .map(of => of <= 0.04045 ? of / 12.92 : ((of + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
};
page.onload = () => {
  const root = page.contentDocument, style = of => page.contentWindow.getComputedStyle(of);
  const lines = ["beyond " + (root.documentElement.scrollWidth - root.documentElement.clientWidth)];
  for (const figure of root.querySelectorAll("figure")) {
    const shown = [...figure.querySelectorAll("svg")].filter(one => one.getBoundingClientRect().width > 0);
    const box = shown[0].getBoundingClientRect();
    const paper = light(style(shown[0].querySelector("rect")).fill);
    const texts = [...shown[0].querySelectorAll("text")];
    const contrast = texts.map(text => {
      const ink = light(style(text).fill);
      return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    });
    const inside = texts.every(text => {
      const of = text.getBoundingClientRect();
      return of.left >= box.left - 2 && of.right <= box.right + 2 && of.bottom <= box.bottom + 2;
    });
    const size = Math.min(...texts.map(text => parseFloat(style(text).fontSize) * box.width / shown[0].viewBox.baseVal.width));
    lines.push(["figure", shown.length, box.width, box.height, size, Math.min(...contrast), paper, inside,
      shown[0].getAttribute("aria-label").length].join(" "));
  }
  told.textContent = lines.join("\n");
};
</script></body></html>"#;

/// A page that has something to complain of, and asks for something.
const CONTROL: &str = r#"<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body>
<img src="http://elsewhere.example/picture.png"><script>console.error("heard")</script></body></html>"#;

/// Pages that are served to a browser on this machine, whatever host it asks for.
struct Site {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn of(report: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (heard, report) = (Arc::clone(&heard), report.clone());
                thread::spawn(move || answer(client, &heard, &report));
            }
        });
        Self { port, asked }
    }

    /// What was asked for since this was last called, without what the browser asks for itself.
    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().expect("nobody panicked"));
        let own = |url: &str| {
            let host = url.split('/').next().unwrap_or_default();
            host.ends_with(".google.com") || host.ends_with(".googleapis.com")
        };
        asked.retain(|url| !own(url));
        asked
    }

    /// Opens `path` in a browser of its own.
    fn open(&self, path: &str, is_dark: bool, options: &[&str]) -> Finished {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("timeout");
        command.args([
            "120",
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
        ]);
        command.args([
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--v=0",
            "--virtual-time-budget=10000",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.arg(format!(
            "--host-resolver-rules=MAP * 127.0.0.1:{}",
            self.port
        ));
        if is_dark {
            command.arg("--blink-settings=preferredColorScheme=0");
        }
        command
            .args(options)
            .arg(format!("http://report.example{path}"));
        let finished = Finished::of_command(&mut command);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        finished
    }
}

fn answer(mut client: TcpStream, asked: &Mutex<Vec<String>>, report: &str) {
    let mut lines = BufReader::new(client.try_clone().expect("a socket can be shared")).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    let mut host = String::new();
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        if let Some(of) = line.strip_prefix("Host: ") {
            of.clone_into(&mut host);
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    asked
        .lock()
        .expect("nobody panicked")
        .push(format!("{host}{path}"));
    let page = match path.split('?').next() {
        Some("/report.html") => report,
        Some("/measure.html") => MEASURE,
        Some("/control.html") => CONTROL,
        _ => "",
    };
    // A browser that has gone needs no answer.
    let _ = write!(
        client,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
}

/// A report of a run file of every kind of figure, and of the recording in docs/.
fn site(folder: &TempDir) -> Site {
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kernel.jsonl");
    let recording = recording.to_str().expect("UTF-8");
    let (sweep, policies) = (path("sweep.json"), path("policies.json"));
    for arguments in [
        &[
            "batching",
            "--target",
            "model:vtd,instances=2",
            "--time",
            "10ms",
            "-o",
            &sweep,
        ][..],
        &[
            "policies",
            "--capture",
            "vtd-first-stage-nvme-strict",
            "--time",
            "10ms",
            "-o",
            &policies,
        ],
    ] {
        let run = hwptop(&[&["bench"], arguments].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    let report = path("report");
    let drawn = hwptop(&[
        "report", &sweep, &policies, recording, "--base", recording, "-o", &report,
    ]);
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
    Site::of(fs::read_to_string(format!("{report}/report.html")).expect("it was written"))
}

#[test]
#[ignore = "needs chromium: opens a report's page"]
fn a_report_asks_for_nothing_says_nothing_on_the_console_and_every_figure_is_seen() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let site = site(&folder);

    // What is looked for would be heard.
    let control = site.open("/control.html", false, &["--dump-dom"]);
    assert!(control.stderr.contains("CONSOLE"), "{}", control.stderr);
    assert!(
        site.asked()
            .contains(&"elsewhere.example/picture.png".to_owned())
    );

    for is_dark in [false, true] {
        let opened = site.open("/report.html", is_dark, &["--dump-dom"]);
        assert!(!opened.stderr.contains("CONSOLE"), "{}", opened.stderr);
        assert_eq!(site.asked(), ["report.example/report.html"]);
        for width in [400, 1600] {
            let path = format!("/measure.html?{width}");
            let measured = site.open(&path, is_dark, &["--dump-dom", "--window-size=1700,4200"]);
            seen(&measured.stdout, width, is_dark);
        }
        site.asked();
    }
}

/// Checks what [`MEASURE`] has found.
fn seen(page: &str, width: u32, is_dark: bool) {
    let (_, told) = page
        .split_once("<pre id=\"told\">")
        .expect("it was measured");
    let (told, _) = told.split_once("</pre>").expect("it ends");
    let mut lines = told.lines();
    assert_eq!(
        lines.next(),
        Some("beyond 0"),
        "{width}: the page scrolls sideways: {told}"
    );
    let figures: Vec<&str> = lines.collect();
    assert!(figures.len() >= 7, "{told}");
    for figure in figures {
        let words: Vec<&str> = figure.split(' ').collect();
        let number = |index: usize| -> f64 { words[index].parse().expect("a number") };
        let at = format!("{width}, dark {is_dark}: {figure}");
        assert_eq!(words[1], "1", "one form is shown at {at}");
        assert!(
            number(2) > f64::from(width.min(1000)) * 0.8 && number(3) > 100.0,
            "large at {at}"
        );
        assert!(number(4) >= 10.0, "text can be read at {at}");
        assert!(number(5) >= 4.5, "contrast (WCAG 2.2, 1.4.3) at {at}");
        assert_eq!(number(6) < 0.1, is_dark, "paper at {at}");
        assert_eq!(words[7], "true", "no text is cut at {at}");
        assert!(number(8) > 40.0, "it is told in words at {at}");
    }
}

#[test]
#[ignore = "needs chromium: takes pictures of a report's page"]
fn pictures_of_the_page_have_its_paper_and_ink_on_every_screen() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let site = site(&folder);
    for (is_dark, paper) in [(false, [255, 255, 255]), (true, [22, 25, 29])] {
        for width in [400_u32, 1600] {
            let file = folder.path().join("screen.png");
            let (screen, shot) = (
                format!("--window-size={width},3000"),
                format!("--screenshot={}", file.display()),
            );
            site.open("/report.html", is_dark, &[&screen, &shot]);
            let bytes = fs::read(&file).expect("a picture was taken");
            let mut reader = png::Decoder::new(Cursor::new(bytes))
                .read_info()
                .expect("a PNG");
            assert_eq!(reader.info().size(), (width, 3000));
            let colours = reader.info().color_type.samples();
            let mut pixels = vec![0; reader.output_buffer_size().expect("it is small")];
            reader.next_frame(&mut pixels).expect("it is whole");
            let all = pixels.len() / colours;
            let share = |wanted: [u8; 3]| {
                let same = pixels
                    .chunks_exact(colours)
                    .filter(|pixel| pixel[..3] == wanted);
                f64::from(u32::try_from(same.count()).expect("few"))
                    / f64::from(u32::try_from(all).expect("few"))
            };
            let at = format!("{width}, dark {is_dark}");
            assert!(
                (0.5..0.99).contains(&share(paper)),
                "{} is paper at {at}",
                share(paper)
            );
            // The first line of a chart.
            let line = if is_dark {
                [86, 180, 233]
            } else {
                [0, 114, 178]
            };
            assert!(
                share(line) > 0.0001,
                "{} is the first line at {at}",
                share(line)
            );
        }
    }
}
