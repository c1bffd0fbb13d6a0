"""JupyterLab for the course: opens at the start page and asks the network for nothing."""

c = get_config()  # noqa: F821 - given by JupyterLab

c.ServerApp.root_dir = "notebooks"
c.ServerApp.port_retries = 0
c.LabApp.default_url = "/lab/tree/START.ipynb"
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.app_settings_dir = ".jupyter"  # overrides.json: never ask about news
