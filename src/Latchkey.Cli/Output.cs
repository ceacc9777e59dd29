using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Latchkey.Cli;

/// <summary>Prints what a command has to say: for people, or as JSON. On a terminal with lines and colour, into a pipe or with NO_COLOR plainly.</summary>
/// <param name="json">Whether <c>--json</c> was given.</param>
internal sealed class Output(bool json)
{
    private const int PipeWidth = 1000;

    private static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonWriterOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether JSON is wanted.</summary>
    public bool IsJson => json;

    /// <summary>A list: a table, or an array of objects.</summary>
    /// <param name="columns">The columns' heads.</param>
    /// <param name="items">The things.</param>
    /// <param name="cells">A row's cells.</param>
    /// <param name="toJson">The thing as an object.</param>
    public void List<T>(IReadOnlyList<string> columns, IReadOnlyCollection<T> items, Func<T, IReadOnlyList<string>> cells, Func<T, JsonObject> toJson)
    {
        if (json)
        {
            Json(new JsonArray([.. items.Select(item => (JsonNode)toJson(item))]));
            return;
        }

        if (items.Count == 0)
        {
            Console.Error.WriteLine("None.");
            return;
        }

        var table = Open(columns);
        foreach (var item in items) table.AddRow(cells(item).Select(Cell));
        Print(table);
    }

    /// <summary>A list whose things are lines rather than rows of a table, or an array of objects.</summary>
    public void Lines<T>(IReadOnlyCollection<T> items, Func<T, string> line, Func<T, JsonObject> toJson)
    {
        if (json) Json(new JsonArray([.. items.Select(item => (JsonNode)toJson(item))]));
        else if (items.Count == 0) Console.Error.WriteLine("None.");
        foreach (var item in json ? [] : items) Console.Out.WriteLine(OneLineOf(line(item)));
    }

    /// <summary>One thing: its names and values, or an object.</summary>
    public void Show(JsonObject item)
    {
        if (json)
        {
            Json(item);
            return;
        }

        var table = Open(["", ""]).HideHeaders();
        foreach (var (name, value) in item) table.AddRow(new Text(name, IsPlain ? Style.Plain : new Style(decoration: Decoration.Bold)), Cell(ToText(value)));
        Print(table);
    }

    /// <summary>What was done: a sentence, or an object.</summary>
    public void Done(string sentence, JsonObject item)
    {
        if (json) Json(item);
        else Console.Out.WriteLine(Clean(sentence));
    }

    /// <summary>One line of a stream: text, or an object on one line.</summary>
    public void Line(string text, Func<JsonObject> item) => Console.Out.WriteLine(json ? Write(item(), OneLine) : OneLineOf(text));

    /// <summary>A moment as people read it, in UTC.</summary>
    public static string Time(long? milliseconds) => milliseconds is { } at
        ? DateTimeOffset.FromUnixTimeMilliseconds(at).ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture)
        : "";

    /// <summary>A moment as programs read it (RFC 3339).</summary>
    public static JsonNode? Moment(long? milliseconds) => milliseconds is { } at
        ? JsonValue.Create(DateTimeOffset.FromUnixTimeMilliseconds(at).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture))
        : null;

    /// <summary>Texts as a JSON array.</summary>
    public static JsonArray Array(IEnumerable<string> items) => new([.. items.Select(item => (JsonNode)JsonValue.Create(item))]);

    private static bool IsPlain => Console.IsOutputRedirected || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    private static Table Open(IReadOnlyList<string> columns)
    {
        var table = new Table { Border = Console.IsOutputRedirected ? TableBorder.None : TableBorder.Rounded };
        foreach (var column in columns)
            table.AddColumn(new TableColumn(new Text(column, IsPlain ? Style.Plain : new Style(decoration: Decoration.Bold))) { NoWrap = Console.IsOutputRedirected });
        return table;
    }

    /// <summary>The terminal, or a text where the output goes elsewhere; without colours where nobody wants them.</summary>
    public static IAnsiConsole OpenConsole(TextWriter? redirected = null) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = IsPlain ? AnsiSupport.No : AnsiSupport.Detect,
        ColorSystem = IsPlain ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
        Out = new AnsiConsoleOutput(Console.IsOutputRedirected && redirected is not null ? redirected : Console.Out),
    });

    private static void Print(Table table)
    {
        using var text = new StringWriter();
        var console = OpenConsole(text);
        if (!Console.IsOutputRedirected)
        {
            console.Write(table);
            return;
        }

        // Tables fill their last column with spaces, which programs behind a pipe would take for its value.
        console.Profile.Width = PipeWidth;
        console.Write(table);
        foreach (var line in text.ToString().TrimEnd().Split('\n')) Console.Out.WriteLine(line.TrimEnd());
    }

    private static Text Cell(string text) => new(Clean(text));

    /// <summary>A text of which nothing can steer the terminal: names come from outside.</summary>
    public static string Clean(string text) => string.Concat(text.Select(character => char.IsControl(character) && character != '\n' ? '\uFFFD' : character));

    /// <summary>The same where a line is an event, so that no text may begin one of its own.</summary>
    public static string OneLineOf(string text) => Clean(text).Replace('\n', '\uFFFD');

    private static string ToText(JsonNode? node) => node switch
    {
        null => "",
        JsonArray list when list.All(item => item is JsonValue) => string.Join(Console.IsOutputRedirected ? " " : "\n", list.Select(ToText)),
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        _ => Write(node, OneLine),
    };

    /// <summary>Prints JSON.</summary>
    public static void Json(JsonNode node) => Console.Out.WriteLine(Write(node, Indented));

    private static string Write(JsonNode node, JsonWriterOptions options)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, options)) node.WriteTo(writer);
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}
