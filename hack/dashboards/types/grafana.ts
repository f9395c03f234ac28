// What the JSON of a dashboard must be, by the types that Grafana itself is written with.
import type { Dashboard, DataSourceRef } from "@grafana/schema";
import type { Options as Stat } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type {
  FieldConfig as StateField, Options as States,
} from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type {
  FieldConfig as TableField, Options as Table,
} from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type {
  FieldConfig as SeriesField, Options as Series,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

// JSON has no enums: a member of one is its text.
type Json<T> = T extends string ? `${T}` : T extends Array<infer Item> ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> } : T;

// Partial: of what is left out (the SDK is of an older Grafana) each panel has its default.
// Of the data source's query no types are published; these are the fields of its model that we use.
type Query = {
  datasource: DataSourceRef; expr: string; refId: string; legendFormat: string;
  instant?: boolean; range?: boolean; format?: "time_series" | "table";
};
type Drawn<Type extends string, Options, Field> = {
  type: Type; title: string; description: string; datasource: DataSourceRef; targets: Query[];
  options: Partial<Json<Options>>; fieldConfig: { defaults: { unit: string; custom?: Json<Field> } };
};

export type Whole = Json<Dashboard>;
export type Panel =
  | Drawn<"timeseries", Series, SeriesField>
  | Drawn<"state-timeline", States, StateField>
  | Drawn<"table", Table, TableField>
  | Drawn<"stat", Stat, never>
  | { type: "row"; title: string };
