//! Real HTTP requests to the service, with a real S3 endpoint behind it.

mod support;

use serde_json::json;
use support::Fixture;

fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

#[tokio::test]
async fn every_operation_answers_with_result_and_count() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[3.0_f32, -1.0, 1e20, 7.0]));
    let body = fixture.request("data", "float32", json!({"missing": {"missing_value": 1e20}}));
    for (operation, expected) in [("min", -1.0_f32), ("max", 7.0), ("sum", 9.0)] {
        let answer = fixture.post(operation, &body).await;
        assert_eq!(answer.value::<f32>(), expected);
        assert_eq!((answer.shape(), answer.count()), (json!([]), json!(3)));
        assert_eq!(answer.header("x-activestorage-dtype"), "float32");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("content-length"), "4");
    }
    let answer = fixture.post("count", &body).await;
    assert_eq!((answer.value::<i64>(), answer.count()), (3, json!(3)));
    assert_eq!(answer.header("x-activestorage-dtype"), "int64");
    let answer = fixture.post("select", &body).await;
    assert_eq!(answer.values::<f32>(), [3.0, -1.0, 1e20, 7.0]);
    assert_eq!((answer.shape(), answer.count()), (json!([4]), json!(3)));
}
