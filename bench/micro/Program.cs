// What the parts of a request cost by themselves: time and allocation, one thread.
//   latchkey-bench-micro [--filter '*Signing*'] [--job short]
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

// In this process: the generated projects of the other kind would not find this repository's settings.
var config = DefaultConfig.Instance.AddExporter(MarkdownExporter.GitHub)
    .AddJob(Job.ShortRun.WithIterationCount(5).WithToolchain(InProcessEmitToolchain.Instance));
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args.Contains("--filter") ? args : [.. args, "--filter", "*"], config);
