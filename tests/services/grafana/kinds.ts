// What panels of one kind must be besides.
import type { Options as StatOptions } from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type {
  FieldConfig,
  Options as LineOptions,
} from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

export interface Checked {
  timeseries?: { options: Partial<LineOptions>; custom: FieldConfig };
  stat?: { options: Partial<StatOptions>; custom: object };
}
