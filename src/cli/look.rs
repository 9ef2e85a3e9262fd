use clap::Args;
use hwptop_tui::Theme;

/// How the dashboard looks.
#[derive(Args, Debug)]
pub(crate) struct LookArgs {
    /// Colours of the dashboard, before what its settings and NO_COLOR say; t in the dashboard
    /// changes them. Those of a picture are dark where this says nothing
    #[arg(long, value_name = "NAME")]
    pub(crate) theme: Option<Theme>,
}
