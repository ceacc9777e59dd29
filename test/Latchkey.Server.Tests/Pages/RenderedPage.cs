using System.Text;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using Latchkey.Server.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using RazorSlices;

namespace Latchkey.Server.Tests.Pages;

/// <summary>A page as the server's own writer sends it, for an issuer with a path.</summary>
internal sealed record RenderedPage(string Html, IHtmlDocument Document, int Status, IHeaderDictionary Headers)
{
    public const string Issuer = "https://id.example.com/tenant";

    public static Task<RenderedPage> OfAsync(RazorSlice page, string? formAction = null) => OfAsync(context => context.WritePageAsync(page, formAction: formAction));

    public static async Task<RenderedPage> OfAsync(Func<HttpContext, Task> write)
    {
        var services = new ServiceCollection().AddSingleton(new ServerOptions { Issuer = Issuer }).AddSingleton(TimeProvider.System);
        await using var provider = services.BuildServiceProvider();
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { RequestServices = provider };
        context.Request.PathBase = "/tenant";
        context.Response.Body = body;
        await write(context);
        var html = Encoding.UTF8.GetString(body.ToArray());
        return new(html, new HtmlParser().ParseDocument(html), context.Response.StatusCode, context.Response.Headers);
    }
}
