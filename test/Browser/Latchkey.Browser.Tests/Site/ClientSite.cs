using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Browser.Tests.Site;

/// <summary>
/// Another site: whatever comes to it is shown. It bears the name localhost, so that browsers take it for another site than the server's 127.0.0.1.
/// </summary>
internal sealed class ClientSite : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ClientSite(WebApplication app, string url) => (_app, Url) = (app, url);

    public string Url { get; }

    public static async Task<ClientSite> StartAsync()
    {
        var port = LoopbackPorts.Next().ToString(CultureInfo.InvariantCulture);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:" + port);
        var app = builder.Build();
        app.MapGet("/favicon.ico", () => Results.NoContent());
        app.MapGet("/frame", (string url) => Html($"<iframe src=\"{E(url)}\" width=\"600\" height=\"600\"></iframe>"));
        app.MapGet("/form", (HttpContext context, string action) => Html(
            $"<form method=\"post\" action=\"{E(action)}\">{Fields(context.Request.Query, (name, value) => $"<input type=\"hidden\" name=\"{name}\" value=\"{value}\">", but: "action")}<button>Send</button></form>"));
        app.Map("/callback", async (HttpContext context) =>
        {
            IEnumerable<KeyValuePair<string, Microsoft.Extensions.Primitives.StringValues>> fields =
                context.Request.HasFormContentType ? await context.Request.ReadFormAsync() : context.Request.Query;
            return Html($"<p id=\"method\">{E(context.Request.Method)}</p><dl>{Fields(fields, (name, value) => $"<dt>{name}</dt><dd id=\"{name}\">{value}</dd>")}</dl>");
        });
        app.MapGet("/bye", () => Html("<p>Good bye</p>"));
        await app.StartAsync();
        return new(app, "http://localhost:" + port);
    }

    /// <summary>The address of a page with one button that posts these fields to another site.</summary>
    public string Form(string action, IEnumerable<(string Name, string Value)> fields) =>
        $"{Url}/form?action={Uri.EscapeDataString(action)}{string.Concat(fields.Select(field => $"&{Uri.EscapeDataString(field.Name)}={Uri.EscapeDataString(field.Value)}"))}";

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static string Fields(
        IEnumerable<KeyValuePair<string, Microsoft.Extensions.Primitives.StringValues>> fields, Func<string, string, string> write, string? but = null) =>
        string.Concat(fields.Where(field => field.Key != but).Select(field => write(E(field.Key), E(field.Value.ToString()))));

    private static IResult Html(string body) =>
        Results.Content($"<!doctype html><html lang=\"en\"><head><title>Second app</title></head><body><h1>Second app</h1>{body}</body></html>", "text/html");

    private static string E(string text) => WebUtility.HtmlEncode(text);
}
