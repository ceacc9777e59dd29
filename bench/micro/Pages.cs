using System.IO.Pipelines;
using System.Text.Encodings.Web;
using BenchmarkDotNet.Attributes;
using Latchkey.Server;
using Latchkey.Server.Login;
using RazorSlices;

namespace Latchkey.Bench.Micro;

/// <summary>What a page costs.</summary>
[MemoryDiagnoser]
public class Pages
{
    private readonly DefaultHttpContext _context = new()
    {
        RequestServices = new ServiceCollection().AddSingleton(new ServerOptions { Issuer = "https://id.example.com" }).BuildServiceProvider(),
    };

    [Benchmark(Description = "render the sign-in page")]
    public async Task RenderSignIn()
    {
        using RazorSlice page = LoginPage.Create(new LoginView("CfDJ8AAAAAAAAAAAAAAAAAAAAAAAAAAA", "sealed-request", Username: "alice"));
        page.HttpContext = _context;
        page.ServiceProvider = _context.RequestServices;
        var writer = PipeWriter.Create(Stream.Null);
        await page.RenderAsync(writer, HtmlEncoder.Default);
        await writer.CompleteAsync();
    }
}
