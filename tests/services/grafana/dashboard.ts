// What each dashboard and each panel must be.
import type { Dashboard, Panel } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/dashboard_types.gen';

export interface Checked {
  dashboard?: Dashboard;
  panel?: Panel;
}
