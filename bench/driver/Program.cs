// Measures authorization servers side by side, and what a guarded request costs an API. bench.sh builds what it needs and calls it:
//   latchkey-bench measure LINES.jsonl quick|full PART…    adds lines of measurements; PART: requests, startup, memory, growth, or names of works
//   latchkey-bench report LINES.jsonl FOLDER               makes tables and charts of them
//   latchkey-bench guard PROGRAM RESULT.md
using System.Globalization;
using Latchkey.Bench;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
switch (args)
{
    case ["guard", var program, var result]:
        await using (var guard = new GuardCosts())
        {
            var costs = await guard.MeasureAsync(program);
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(result))!);
            await File.WriteAllTextAsync(result, costs);
            Console.WriteLine(costs);
        }

        return 0;
    case ["measure", var lines, "quick" or "full", .. var parts]:
        await new Measuring(new Lines(lines), args[2] == "quick" ? Plan.Quick : Plan.Full).RunAsync(parts);
        return 0;
    case ["report", var lines, var folder]:
        new Report(new Lines(lines).Read()).Write(folder);
        Console.WriteLine(await File.ReadAllTextAsync(Path.Combine(folder, "README.md")));
        return 0;
    default:
        Console.Error.WriteLine("usage: ./bench.sh; it calls this program");
        return 2;
}
