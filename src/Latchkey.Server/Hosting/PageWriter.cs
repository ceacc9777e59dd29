using System.IO.Pipelines;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using Latchkey.Server.Authorize;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using RazorSlices;

namespace Latchkey.Server.Hosting;

/// <summary>Writes pages: rendered as a whole before the first byte goes out, so that a fault in one can still become an error page.</summary>
internal static class PageWriter
{
    // Leaves the letters of all languages readable; whatever HTML could take for markup is still encoded.
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);

    /// <summary>Writes a page with the headers that keep it to itself.</summary>
    /// <param name="context">The request.</param>
    /// <param name="page">From the page's <c>Create(view)</c>.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="formAction">
    /// The redirect URI to which answers to the page's forms may lead: browsers hold the redirects after a form to <c>form-action</c> too.
    /// </param>
    /// <param name="frames">The addresses of the page's frames; none unless given.</param>
    public static Task WritePageAsync(
        this HttpContext context, RazorSlice page, int status = 200, string? formAction = null, IReadOnlyList<string>? frames = null) =>
        WriteAsync(context, page, status, PagePolicy.Write(formAction, frames));

    /// <summary>Writes the page that posts an answer to the client by itself where scripts run, and with a button where they don't.</summary>
    public static Task WriteFormPostAsync(this HttpContext context, FormPostView view) =>
        WriteAsync(context, FormPostPage.Create(view), StatusCodes.Status200OK, PagePolicy.WriteFormPost(view.RedirectUri));

    /// <summary>A link to a path of this server, below the issuer's own path.</summary>
    /// <param name="context">The request.</param>
    /// <param name="path">Such as <c>/login</c>.</param>
    public static string Link(this HttpContext? context, string path) => context?.Request.PathBase.Value + path;

    /// <summary>The host that people know this server by, with its port: the issuer's, whatever the request says.</summary>
    public static string IssuerHost(this HttpContext? context)
    {
        var issuer = new Uri(context!.RequestServices.GetRequiredService<ServerOptions>().Issuer);
        return issuer.IsDefaultPort ? issuer.Host : $"{issuer.Host}:{issuer.Port}";
    }

    private static async Task WriteAsync(HttpContext context, RazorSlice page, int status, string policy)
    {
        using var body = new MemoryStream(16 * 1024);
        using (page)
        {
            page.HttpContext = context;
            page.ServiceProvider = context.RequestServices;
            var writer = PipeWriter.Create(body, new StreamPipeWriterOptions(leaveOpen: true));
            await page.RenderAsync(writer, Encoder, context.RequestAborted).ConfigureAwait(false);
            await writer.CompleteAsync().ConfigureAwait(false);
        }

        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = "text/html; charset=utf-8";
        response.ContentLength = body.Length;
        var headers = response.Headers;
        headers.ContentSecurityPolicy = policy;
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = PagePolicy.Permissions;
        context.NoStore();
        await response.Body.WriteAsync(body.GetBuffer().AsMemory(0, (int)body.Length), context.RequestAborted).ConfigureAwait(false);
    }
}
